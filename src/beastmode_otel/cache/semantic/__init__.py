"""Semantic matching: answers to questions that mean the same. Opt-in, and only where everything else of a request is
equal (`Key.scope`)."""

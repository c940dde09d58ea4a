"""One HTTP try of an LLM call, as the router and the doors for other people's clients both know it."""

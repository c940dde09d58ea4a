"""Decisions of the response cache, pure: key, entry, memory, policy, single-flight, breaker, tiered."""

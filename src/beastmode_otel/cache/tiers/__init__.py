"""The edges of the cache, one module per tier: import the one that is configured, its client comes with it."""

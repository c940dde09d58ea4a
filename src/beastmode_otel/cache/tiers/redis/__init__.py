"""L2 in Redis or Valkey: one server, a primary behind Sentinel, or a cluster. Imported when it is configured."""

-- Reading a scope newest first, a page at a time (semantic matching, after a start): in the order of the index, where
-- the one it replaces had to sort the whole scope for each page.
create index llm_cache_scope_age on beastmode.llm_cache (tenant, scope, created_at desc, key desc);
drop index beastmode.llm_cache_scope;

-- Vectors of stored questions beside their entries, for scopes too large for the memory of a process. Needs pgvector,
-- which may lie in a schema of its own.
create extension if not exists vector;
select set_config('search_path', quote_ident(n.nspname), true)
    from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector';

-- Half as wide as in the entry: what is found here is compared once more, by the entry's own. In rows of their own, and
-- plain: a scope is compared by walking through little more than its numbers.
create table beastmode.llm_vector (
    tenant text not null,
    key bytea not null,
    scope bytea not null,
    embedder text not null,
    expires_at timestamptz not null,
    vector halfvec not null,
    primary key (tenant, key),
    foreign key (tenant, key) references beastmode.llm_cache on delete cascade
);
alter table beastmode.llm_vector alter column vector set storage main;
create index llm_vector_scope on beastmode.llm_vector (tenant, scope);

alter table beastmode.llm_vector enable row level security;
alter table beastmode.llm_vector force row level security;
create policy of_tenant on beastmode.llm_vector
    using (tenant = any ((select beastmode.tenants())::text[]))
    with check (tenant = any ((select beastmode.tenants())::text[]));
revoke all on beastmode.llm_vector from public;

-- Whoever is admitted may use it too: those that are, and with the same words as before those to come.
create function beastmode.admit_to_vectors() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('grant select, insert, update, delete on beastmode.llm_vector to %I', new.role);
    return new;
end
$$;
revoke all on function beastmode.admit_to_vectors() from public;
create trigger admit_to_vectors after insert on beastmode.tenant_roles
    for each row execute function beastmode.admit_to_vectors();
do $$
declare
    known text;
begin
    for known in select distinct r.role from beastmode.tenant_roles r join pg_roles on rolname = r.role loop
        execute format('grant select, insert, update, delete on beastmode.llm_vector to %I', known);
    end loop;
    for known in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop  -- Supabase's, of its API
        execute format('revoke all on beastmode.llm_vector from %I', known);
    end loop;
end
$$;

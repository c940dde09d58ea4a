-- The responses of language models, by tenant.
create table beastmode.llm_cache (
    tenant text not null check (tenant <> ''),
    key bytea not null check (octet_length(key) = 32),
    scope bytea not null,
    namespace text not null,
    v smallint not null,
    model_requested text not null,
    model_served text not null,
    request_id text,
    tags text[] not null default '{}',
    enc text not null,
    input_tokens bigint,
    output_tokens bigint,
    cost_usd double precision,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    -- No index on these: an update that touches no indexed column stays on its page (HOT).
    last_accessed_at timestamptz not null,
    hit_count bigint not null default 0,
    semantic_hit_count bigint not null default 0,
    false_hit_count bigint not null default 0,
    payload bytea not null,
    primary key (tenant, key)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- What is stored is compressed and signed already.
alter table beastmode.llm_cache alter column payload set storage external;

create index llm_cache_expiry on beastmode.llm_cache (expires_at);
create index llm_cache_scope on beastmode.llm_cache (tenant, scope);
create index llm_cache_request on beastmode.llm_cache (tenant, request_id);
create index llm_cache_age on beastmode.llm_cache (tenant, created_at);

-- Who asks upstream for a key, while others wait for the answer. Times are the server's.
create table beastmode.llm_lease (
    tenant text not null check (tenant <> ''),
    key bytea not null check (octet_length(key) = 32),
    token bigint not null,
    ends_at timestamptz not null,
    done boolean not null default false,
    primary key (tenant, key)
) with (fillfactor = 80);

-- Which tenants a login role may work for; '' stands for all of them. Only its owner reads or writes it.
create table beastmode.tenant_roles (
    role name not null,
    tenant text not null,
    primary key (role, tenant)
);

-- Whose rows this transaction may touch: the tenant that it names (beastmode.tenant), as far as the login role may work
-- for it; with beastmode.all_tenants = on, each tenant that is listed for the role. session_user is who logged in: unlike
-- a setting, and unlike current_user, nobody but a superuser can change it.
create function beastmode.tenants() returns text[]
    language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(case when r.tenant = '' then current_setting('beastmode.tenant', true) else r.tenant end), '{}')
    from beastmode.tenant_roles r
    where r.role = session_user
        and (r.tenant in ('', current_setting('beastmode.tenant', true))
            or current_setting('beastmode.all_tenants', true) = 'on')
$$;

-- Whether this transaction is about everybody (purge, statistics, counting hits), by a role that may work for all.
create function beastmode.everybody() returns boolean
    language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select current_setting('beastmode.all_tenants', true) = 'on'
        and exists (select from beastmode.tenant_roles r where r.role = session_user and r.tenant = '')
$$;

-- Both are asked once for each statement, not for each row: hence the sub-selects.
alter table beastmode.llm_cache enable row level security;
alter table beastmode.llm_cache force row level security;
create policy of_tenant on beastmode.llm_cache
    using (tenant = any ((select beastmode.tenants())::text[]))
    with check (tenant = any ((select beastmode.tenants())::text[]));
create policy of_everybody_read on beastmode.llm_cache for select using ((select beastmode.everybody()));
create policy of_everybody_count on beastmode.llm_cache for update using ((select beastmode.everybody()));
create policy of_everybody_purge on beastmode.llm_cache for delete using ((select beastmode.everybody()));

alter table beastmode.llm_lease enable row level security;
alter table beastmode.llm_lease force row level security;
create policy of_tenant on beastmode.llm_lease
    using (tenant = any ((select beastmode.tenants())::text[]))
    with check (tenant = any ((select beastmode.tenants())::text[]));
create policy of_everybody_read on beastmode.llm_lease for select using ((select beastmode.everybody()));
create policy of_everybody_purge on beastmode.llm_lease for delete using ((select beastmode.everybody()));

-- Admits a login role: to all tenants, or to those that are named. Admitting it again replaces what it was admitted to.
create function beastmode.admit(login name, variadic admitted text[] default '{}') returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('grant usage on schema beastmode to %I', login);
    execute format('grant select, insert, update, delete on beastmode.llm_cache, beastmode.llm_lease to %I', login);
    execute format('grant select on beastmode.schema_migrations to %I', login);
    execute format('grant execute on function beastmode.tenants(), beastmode.everybody() to %I', login);
    delete from beastmode.tenant_roles where role = login;
    insert into beastmode.tenant_roles (role, tenant)
        select login, tenant
        from unnest(case when cardinality(admitted) = 0 then array[''] else admitted end) tenant;
end
$$;

-- Whoever owns the schema uses it too, until there is a role for that alone.
insert into beastmode.tenant_roles (role, tenant) values (session_user, '');

revoke all on schema beastmode from public;
revoke all on all tables in schema beastmode from public;
revoke all on all functions in schema beastmode from public;
do $$
declare
    known text;
begin
    for known in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop  -- Supabase's, of its API
        execute format('revoke all on schema beastmode from %I', known);
        execute format('revoke all on all tables in schema beastmode from %I', known);
        execute format('revoke all on all functions in schema beastmode from %I', known);
    end loop;
end
$$;

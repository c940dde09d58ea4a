"""What the doctor finds at a real Postgres behind cache.l3."""

from __future__ import annotations

import time
from typing import Any

import pytest

from beastmode_otel.cache import DatabaseFacts
from beastmode_otel.doctor import database_tier
from beastmode_otel.doctor.catalog import Finding
from beastmode_otel.doctor.examine import outside
from support import postgres
from support.redis_servers import black_hole, free_port

QUIET = {"OTEL_SDK_DISABLED": "true", "BEASTMODE_CACHE": "on", "BEASTMODE_SECRET": "s3cret-s3cret"}


@pytest.fixture
def server() -> postgres.PostgresServer:
    return postgres.shared()


@pytest.fixture
def database(server: postgres.PostgresServer) -> str:
    return server.database()


def look(url: str, **more: str) -> dict[str, Finding]:
    found = outside({**QUIET, "BEASTMODE_L3_URL": url, **more})
    return {finding.code: finding for finding in found if finding.code.startswith("l3_")}


def test_a_server_that_fits(server: postgres.PostgresServer, database: str) -> None:
    for tenants in ([], ["acme", "other"]):
        found = look(server.role(database, "app", *tenants))
        assert list(found) == ["l3_answers"]
        assert f"127.0.0.1:{server.port}/{database}" in found["l3_answers"].detail


def test_no_signature(server: postgres.PostgresServer, database: str) -> None:
    assert list(look(server.role(database, "app"), BEASTMODE_SECRET="")) == ["l3_answers", "l3_unsigned"]


def test_a_superuser_and_the_owner(server: postgres.PostgresServer, database: str) -> None:
    found = look(server.url(database))
    assert list(found) == ["l3_answers", "l3_role_exempt"]
    assert found["l3_role_exempt"].detail == "'postgres' is a superuser"
    with server.admin(database) as admin:
        url = server.role(database, "bypassing")
        admin.execute("alter role bypassing bypassrls")
        assert "BYPASSRLS" in look(url)["l3_role_exempt"].detail
        url = server.role(database, "owning")
        admin.execute("alter table beastmode.llm_cache owner to owning")
        assert "owner" in look(url)["l3_role_exempt"].detail


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ("alter table beastmode.llm_cache no force row level security", "l3_unguarded", ""),
        ("alter table beastmode.llm_lease disable row level security", "l3_unguarded", ""),
        ("delete from beastmode.tenant_roles where role = 'app'", "l3_not_admitted", "'app'"),
        ("revoke all on schema beastmode from app", "l3_not_admitted", "'app'"),
        ("update beastmode.schema_migrations set checksum = 'x'", "l3_schema", "with other SQL"),
        ("insert into beastmode.schema_migrations values (99, 'x')", "l3_schema", "newer (version 99"),
        ("drop schema beastmode cascade", "l3_schema", "there is no schema"),
        ("alter role app set default_transaction_read_only = on", "l3_read_only", ""),
    ],
)
def test_what_does_not_fit(server: postgres.PostgresServer, database: str, change: str, code: str, told: str) -> None:
    url = server.role(database, "app")
    with server.admin(database) as admin:
        admin.execute(change.encode())
        found = look(url)
        admin.execute("alter role app reset default_transaction_read_only")
    assert list(found) == ["l3_answers", code]
    assert found[code].severity == "problem"
    assert told in found[code].detail
    assert found[code].hint


def test_nobody_there(server: postgres.PostgresServer) -> None:
    found = look(f"postgresql://app:PLANTED@127.0.0.1:{free_port()}/db")
    assert list(found) == ["l3_unreachable"]
    assert "refused" in found["l3_unreachable"].detail
    assert "PLANTED" not in repr(found)
    with black_hole() as port:
        began = time.monotonic()
        assert "no answer in time" in look(f"postgresql://app@127.0.0.1:{port}/db")["l3_unreachable"].detail
        assert time.monotonic() - began < 5.0


_SCOPE = """insert into beastmode.llm_cache (tenant, key, scope, namespace, v, model_requested, model_served, enc,
        created_at, expires_at, last_accessed_at, payload)
    select 'acme', sha256(n::text::bytea), '\\x01', 'shop', 1, 'm', 'm', 'envelope', now(), now() + interval '1 day',
        now(), '\\x00' from generate_series(%s::int, %s::int) n"""


def test_a_scope_that_is_too_large_for_a_process(server: postgres.PostgresServer, database: str) -> None:
    url = server.role(database, "app")
    with server.admin(database) as admin:
        admin.execute(_SCOPE, (1, 2000))
        assert list(look(url, BEASTMODE_CACHE="semantic")) == ["l3_answers"]
        admin.execute(_SCOPE, (2001, 2001))
        for mode in ("semantic", "shadow"):
            found = look(url, BEASTMODE_CACHE=mode)
            assert list(found) == ["l3_answers", "l3_scope_large"]
            assert "2,001 entries or more" in found["l3_scope_large"].detail
        assert list(look(url)) == ["l3_answers"]
        admin.execute("create table beastmode.llm_vector ()")
    assert list(look(url, BEASTMODE_CACHE="semantic")) == ["l3_answers"]


def test_an_option_that_libpq_does_not_know() -> None:
    found = look("postgresql://app:PLANTED@127.0.0.1/db?nonsense=1")
    assert found["l3_unusable"].severity == "problem"
    assert "PLANTED" not in repr(found)


def test_clocks_and_age(server: postgres.PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    facts: dict[str, Any] = {
        "where": "here", "version": 110_022, "seconds": 0.001, "skew": -70.0, "read_only": False, "problem": None,
        "role": "app", "exempt": None, "guarded": True, "tenants": ("",),
    }  # fmt: skip
    found = {one.code: one for one in database_tier._of_server(DatabaseFacts(**facts))}
    assert list(found) == ["l3_answers", "l3_old", "l3_clock"]
    assert found["l3_clock"].detail == "here is 70 s behind"

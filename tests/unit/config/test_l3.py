"""Where L3 is: the URLs of a Postgres, what is read from them, and that no password is shown."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from beastmode_otel.cache.tiers import migrate_l3, open_l3
from beastmode_otel.config import load
from beastmode_otel.config.postgres_url import BadPostgresUrl, PostgresUrl, read_postgres_url
from beastmode_otel.errors import ConfigError
from beastmode_otel.runtime import WorkerPool
from support.planted import everything_of

SUPABASE = "postgresql://beastmode_app.abcdefghij:p%40ss%2Fw%23rd@aws-0-eu-central-1.pooler.supabase.com:6543/postgres"


@pytest.mark.parametrize(
    ("url", "host", "port", "database"),
    [
        ("postgresql://host/db", "host", 5432, "db"),
        ("postgres://user:secret@host:6432/db?sslmode=require", "host", 6432, "db"),
        (" postgresql://user@[::1]:5433/db ", "::1", 5433, "db"),
        ("postgresql://h1:5433,h2:5434/db?target_session_attrs=read-write", "h1", 5433, "db"),
        ("postgresql:///db?host=/run/postgresql", "/run/postgresql", 5432, "db"),
        ("postgresql://host", "host", 5432, ""),
        (SUPABASE, "aws-0-eu-central-1.pooler.supabase.com", 6543, "postgres"),
        ("postgresql:///db?host=h1,h2&port=5433,5434", "h1", 5433, "db"),
        ("postgresql:///db?host=h1,h2&port=5433%2C5434", "h1", 5433, "db"),
        ("postgresql:///db?host=h1,h2&port=,5434", "h1", 5432, "db"),
    ],
)
def test_what_is_read(url: str, host: str, port: int, database: str) -> None:
    read = read_postgres_url(url)
    assert (read.host, read.port, read.database) == (host, port, database)
    assert "ss%2F" not in read.shown + repr(read)
    assert "secret" not in read.shown + repr(read)


@pytest.mark.parametrize("more", ["pgbouncer=true", "pgbouncer=true&connection_limit=1", "supa=base-pooler.x"])
def test_what_other_programs_add_is_left_out(more: str) -> None:
    assert read_postgres_url(f"{SUPABASE}?{more}").whole == SUPABASE
    assert read_postgres_url(f"{SUPABASE}?{more}&sslmode=require").whole == f"{SUPABASE}?sslmode=require"


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("postgresql://user:s3cr3t#word@host/db", "# is %23"),
        ("postgresql://user:s3cr3t/word@host/db", "/ is %2F"),
        ("postgresql://user:s3cr3t?word@host/db", "? is %3F"),
        ("postgresql://user:s3cr3t@word@host/db", "@ is %40"),
        ("postgresql://user:s3cr3t%word@host/db", "% is %25"),
        ("postgresql://user:[YOUR-PASSWORD]@host/db", "put the password there"),
        ("postgresql://user:s3cr3t@host:99999/db", "host:5432"),
        ("postgresql://user:s3cr3t@ho st/db", "host:5432"),
        ("postgresql+psycopg://user:s3cr3t@host/db", "postgresql://"),
        ("postgresql:host", "postgresql://"),
        ("postgresql://user@host/db?port=0", "host:5432"),
        ("postgresql://user@host/db?port=99999", "host:5432"),
        ("postgresql://user@host/db?port=5433,x", "host:5432"),
    ],
)
def test_what_cannot_be_meant_says_what_to_write_and_no_password(url: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load({"cache": {"l3": {"url": url}}}, environ={})
    told = str(refused.value)
    assert "cache.l3.url" in told
    assert hint in told
    assert "s3cr3t" not in told


def test_a_scheme_of_others_is_no_postgres() -> None:
    with pytest.raises(BadPostgresUrl):
        read_postgres_url("mysql://host/db")


def test_the_variable_names_it_and_times_have_defaults() -> None:
    l3 = load({"cache": {}}, environ={"BEASTMODE_L3_URL": SUPABASE}).cache.l3
    assert isinstance(l3.server, PostgresUrl)
    assert (l3.path, l3.soft, l3.hard, l3.ttl) == (None, 0.15, 1.0, 86_400.0)
    assert "p%40ss" not in repr(l3)
    assert load({"cache": {}}, environ={}).cache.l3.server is None


def test_hard_is_no_less_than_soft() -> None:
    with pytest.raises(ConfigError, match="hard"):
        load({"cache": {"l3": {"url": SUPABASE, "soft": 2, "hard": 1}}}, environ={})


def test_the_redactor_knows_its_password() -> None:
    redact = load({"cache": {"l3": {"url": SUPABASE}}}, environ={}).redactor()
    assert "p%40ss" not in redact("trouble with p%40ss%2Fw%23rd")


def opened(url: str) -> Any:
    settings = load({"cache": {"l3": {"url": url}}}, environ={}).cache
    return open_l3(settings, WorkerPool("l3", size=1), print)


def test_nothing_is_connected_when_it_is_opened() -> None:
    tier, asynchronous = opened("postgresql://user:s3cr3t@192.0.2.1/db")
    assert asynchronous is tier
    assert (tier.system, tier.server) == ("postgresql", ("192.0.2.1", 5432))
    tier.close()


def test_an_option_that_libpq_does_not_know_is_refused_without_the_password() -> None:
    with pytest.raises(ConfigError) as refused:
        opened("postgresql://user:s3cr3t@host/db?nonsense=s3cr3t")
    assert "s3cr3t" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert "libpq" in str(refused.value)


@pytest.mark.parametrize("planted", ["s3cr3t=1", "s3cr3t", "x=s3cr3t%zz", "x=s3cr3t%00"])
def test_what_libpq_says_of_a_login_does_not_hang_on_as_context(planted: str) -> None:
    """A ? or & of a password that is not encoded makes options of the rest of it, and libpq cites them."""
    with pytest.raises(ConfigError, match="libpq") as refused:
        opened(f"postgresql://user@host/db?{planted}")
    assert "s3cr3t" not in everything_of(refused.value)


@pytest.mark.parametrize("port", ["s3cr3t", "s3cr3t,5432", "5432,s3cr3t", "%73%33cr3t"])
def test_no_part_of_a_password_hangs_on_to_a_port_that_is_none(port: str) -> None:
    """What reads a number cites what is none; the error must not hold it, nor what it was raised from."""
    with pytest.raises(BadPostgresUrl, match="no possible port") as refused:
        read_postgres_url(f"postgresql://user@host/db?port={port}")
    assert "s3cr3t" not in everything_of(refused.value)


def test_only_a_server_is_migrated_by_command() -> None:
    assert migrate_l3(load({"cache": {}}, environ={}).cache) is None


def test_without_psycopg_the_pip_line_is_told() -> None:
    program = """
import sys
sys.modules["psycopg"] = None
from beastmode_otel import ModelRouter
from beastmode_otel.errors import ConfigError
try:
    ModelRouter({"cache": {"l3": {"url": "postgresql://user:s3cr3t@host/db"}}})
except ConfigError as exc:
    print(exc)
"""
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'beastmode-otel[postgres]'" in done.stdout
    assert "s3cr3t" not in done.stdout


def test_it_is_imported_only_where_it_is_configured() -> None:
    program = """
import sys
from beastmode_otel import ModelRouter
ModelRouter({"cache": {"l3": {"url": "off"}}}).close()
print([name for name in sys.modules if "psycopg" in name or "tiers.postgres" in name])
"""
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_prepared_statements_are_asked_for_and_only_of_a_postgres() -> None:
    url = "postgresql://user@host/db"
    for l3, prepared in ((url, False), ({"url": url, "prepare": True}, True)):
        assert load({"cache": {"l3": l3}}, environ={}).cache.l3.prepare is prepared
    for l3, said in (
        ({"prepare": True}, "L3 is no Postgres"),
        ({"url": "sqlite:////tmp/cache.db", "prepare": True}, "L3 is no Postgres"),
        ({"url": url, "prepare": "yes"}, "use true or false"),
    ):
        with pytest.raises(ConfigError, match=said):
            load({"cache": {"l3": l3}}, environ={})

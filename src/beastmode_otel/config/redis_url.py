"""Where L2 is: the URLs that may be written. Pure; redis-py is not needed to read one.

    redis://[user:password@]host[:port][/db]              rediss:// with TLS
    unix:///path/to/redis.sock[?db=n]
    redis+cluster://host[:port][,host[:port]…]            rediss+cluster://
    redis+sentinel://host[:port][,…]/service[/db]         rediss+sentinel://

The last two are not redis-py's: the field spells them so (Redis-Sentinel-Url, langchain, redisvl, prefect). user and
password are those of the data nodes; Sentinels that want some take sentinel_username and sentinel_password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote

Kind = Literal["single", "unix", "cluster", "sentinel"]
Host = tuple[str, int]

_SCHEMES: Final[Mapping[str, tuple[Kind, bool]]] = {
    "redis": ("single", False),
    "rediss": ("single", True),
    "unix": ("unix", False),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
}
_PORTS: Final[Mapping[Kind, int]] = {"single": 6379, "unix": 0, "cluster": 6379, "sentinel": 26379}
_TLS_OPTIONS: Final = (
    "ssl_ca_certs", "ssl_ca_path", "ssl_ca_data", "ssl_certfile", "ssl_keyfile", "ssl_password", "ssl_cert_reqs",
    "ssl_check_hostname", "ssl_ciphers",
)  # fmt: skip
_OPTIONS: Final = ("db", "client_name", "username", "password", "sentinel_username", "sentinel_password", *_TLS_OPTIONS)
_FORMS: Final = (
    "write redis://host:6379/0, rediss://… for TLS, unix:///path/to/redis.sock, redis+cluster://h1:6379,h2:6379, "
    "or redis+sentinel://h1:26379,h2:26379/service/0"
)
_ENCODE: Final = "percent-encode the password: # is %23, / is %2F, @ is %40, ? is %3F, & is %26"
_HOST: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<name>[^:/?#@\[\]\s,]+))(?::(?P<port>\d{1,5}))?")
_FALSE: Final = ("0", "f", "false", "n", "no")


class BadRedisUrl(Exception):
    """problem and hint for people; neither holds a password."""

    def __init__(self, problem: str, hint: str = _FORMS) -> None:
        super().__init__(problem)
        self.problem, self.hint = problem, hint


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisUrl:
    """hosts: those that are asked first; a cluster and Sentinels name the others. tls: options of the connection; None
    without TLS. login: user and password. sentinel_login: for the Sentinels themselves.
    """

    kind: Kind
    hosts: tuple[Host, ...] = ()
    path: str = ""
    service: str = ""
    db: int = 0
    login: tuple[str | None, str | None] = field(default=(None, None), repr=False)
    sentinel_login: tuple[str | None, str | None] = field(default=(None, None), repr=False)
    client_name: str | None = None
    tls: tuple[tuple[str, str | bool], ...] | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Its passwords."""
        keys = (self.login[1], self.sentinel_login[1], dict(self.tls or ()).get("ssl_password"))
        return tuple(str(key) for key in keys if key)

    @property
    def shown(self) -> str:
        """For people: where it is, without who asks."""
        if self.kind == "unix":
            return f"unix://{self.path}"
        hosts = ",".join(f"{f'[{name}]' if ':' in name else name}:{port}" for name, port in self.hosts)
        scheme = "redis" if self.tls is None else "rediss"
        way = "" if self.kind == "single" else f"+{self.kind}"
        service = f"/{self.service}" if self.service else ""
        return f"{scheme}{way}://{hosts}{service}/{self.db}" if self.kind != "cluster" else f"{scheme}{way}://{hosts}"


def read_redis_url(url: str) -> RedisUrl:
    """Raises BadRedisUrl."""
    scheme, mark, rest = url.strip().partition("://")
    if not mark or scheme not in _SCHEMES:
        raise BadRedisUrl("is no address of a Redis" if mark else "is no URL")
    kind, secure = _SCHEMES[scheme]
    rest, _, query = rest.partition("?")
    if "#" in rest:
        raise BadRedisUrl("holds a #", _ENCODE)
    authority, _, path = rest.partition("/")
    login, at, authority = authority.rpartition("@")
    if "@" in path:
        raise BadRedisUrl("has a / in its login", _ENCODE)
    options = _options(query, secure=secure)
    user, _, password = login.partition(":")
    named = (unquote(user) or options.get("username"), unquote(password) or options.get("password")) if at else (
        options.get("username"), options.get("password"))  # fmt: skip
    if kind == "unix":
        return RedisUrl(
            kind=kind, path=_socket(authority, path), db=_database(options.get("db", "0")), login=named,
            client_name=options.get("client_name"),
        )  # fmt: skip
    service, db = _service_and_db(kind, path, options)
    return RedisUrl(
        kind=kind, hosts=_hosts(kind, authority), service=service, db=db, login=named,
        sentinel_login=(options.get("sentinel_username"), options.get("sentinel_password")),
        client_name=options.get("client_name"), tls=_tls(options) if secure else None,
    )  # fmt: skip


def _options(query: str, *, secure: bool) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    doubtful = "@" in query or any("password" in name for name in options)
    for name in options:
        if doubtful and name not in _OPTIONS:  # then it may be a piece of the password, and is not told
            raise BadRedisUrl("has a ? or a & in a password, or an option that means nothing here", _ENCODE)
        if "timeout" in name:
            raise BadRedisUrl(f"sets {name}", "the times are cache.l2.soft and cache.l2.hard, in seconds")
        if name not in _OPTIONS:
            raise BadRedisUrl(f"has the option {name!r}, which means nothing here", f"use {', '.join(_OPTIONS)}")
        if name in _TLS_OPTIONS and not secure:
            raise BadRedisUrl(f"has {name} and no TLS", "write rediss://, or rediss+cluster:// or rediss+sentinel://")
    return options


def _tls(options: Mapping[str, str]) -> tuple[tuple[str, str | bool], ...]:
    tls: dict[str, str | bool] = {name: options[name] for name in _TLS_OPTIONS if name in options}
    if tls.get("ssl_cert_reqs", "required") not in ("none", "optional", "required"):
        raise BadRedisUrl("has an odd ssl_cert_reqs", "use ssl_cert_reqs=required, optional or none")
    if "ssl_check_hostname" in tls:
        tls["ssl_check_hostname"] = str(tls["ssl_check_hostname"]).lower() not in _FALSE
    return tuple(tls.items())


def _socket(authority: str, path: str) -> str:
    if authority or not path:
        raise BadRedisUrl("is no path of a socket", "write unix:///path/to/redis.sock, with three slashes")
    return "/" + unquote(path)


def _hosts(kind: Kind, authority: str) -> tuple[Host, ...]:
    found = []
    for one in authority.split(","):
        match = _HOST.fullmatch(one)
        port = int(match["port"] or _PORTS[kind]) if match else 0
        if match is None or not 0 < port < 65536:
            raise BadRedisUrl("names no host, or no possible port")
        found.append((match["six"] or unquote(match["name"]), port))
    if kind == "single" and len(found) > 1:
        raise BadRedisUrl("names several hosts", "write redis+cluster:// or redis+sentinel:// before them")
    return tuple(found)


def _service_and_db(kind: Kind, path: str, options: Mapping[str, str]) -> tuple[str, int]:
    service, _, db = path.partition("/") if kind == "sentinel" else ("", "", path)
    if kind == "sentinel" and not service:
        raise BadRedisUrl("names no service", "write redis+sentinel://h1:26379,h2:26379/mymaster, as Sentinel knows it")
    number = _database(options.get("db") or db.strip("/") or "0")
    if kind == "cluster" and number:
        raise BadRedisUrl("names a database", "a cluster has one only: leave it out")
    return unquote(service), number


def _database(text: str) -> int:
    if not text.isdecimal() or len(text) > 6:
        raise BadRedisUrl("names no possible database", "the database is a number, such as redis://host:6379/0")
    return int(text)

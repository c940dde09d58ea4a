"""Why two requests have different keys: the parts of a key, shown so that people can compare them, not read them."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from beastmode_otel.cache.canonical import canonical, utf8
from beastmode_otel.cache.key import SCHEMA, KeyParts, KeyTarget, cut_of, derive, output_headers
from beastmode_otel.wire import Cut, format_named

_LISTED: Final = ("messages", "contents", "tools", "system")  # where it helps to know which item differs


def explain_key(parts: KeyParts) -> list[tuple[str, str]]:
    """The parts of a key by name, each as itself (numbers, switches, names, addresses) or as the first 12 digits of
    its SHA-256 (everything that may hold a prompt, and the tenant). The last lines are the digest and the scope.

    Raises what `derive` raises.
    """
    key, cut = derive(parts), cut_of(parts)
    return [
        ("schema", str(SCHEMA)),
        ("tenant", _short(parts.tenant)),
        ("namespace", parts.namespace),
        ("api", parts.api),
        *(("target", _shown(target)) for target in sorted(set(parts.targets))),
        *(row for target in sorted(set(parts.targets)) for row in _sent(target)),
        *((f"header {name}", value) for name, value in output_headers(parts.headers)),
        *_body(cut),
        ("last user text", _texts(cut)),
        ("ignored", ", ".join(sorted(format_named(parts.api).ignored.intersection(parts.body))) or "nothing"),
        ("digest", key.digest.hex()),
        ("scope", key.scope.hex()),
    ]


def _body(cut: Cut) -> Iterator[tuple[str, str]]:
    for name, value in sorted(cut.body.items()):
        if name in _LISTED and isinstance(value, list | tuple):
            yield from ((f"{name}[{index}]", _short(item)) for index, item in enumerate(value))
        else:
            yield name, str(value) if isinstance(value, bool | int | float) else _short(value)


def _texts(cut: Cut) -> str:
    if not cut.place:
        return "none: the scope is of the whole request"
    digest = sha256(b"".join(b"%d:%b" % (len(raw), raw) for raw in map(utf8, cut.texts))).hexdigest()
    where = cut.place.partition(":")[0]
    return f"{digest[:12]} ({f'message {where}' if where.isdigit() else where})"


def _short(value: Any) -> str:
    return sha256(canonical(value)).hexdigest()[:12]


def _shown(target: KeyTarget) -> str:
    """Without user and query, which some gateways use for keys; their digest tells whether they differ."""
    address = target.base_url.partition("#")[0]
    parts = urlsplit(address)
    hidden = f" ({_short(address)})" if parts.query or parts.username else ""
    return f"{target.provider} {target.model} {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{hidden}"


def _sent(target: KeyTarget) -> Iterator[tuple[str, str]]:
    """Headers and login, where the address carries their digest."""
    sent = target.base_url.partition("#")[2]
    if sent:
        yield "headers and login", _short(sent)

"""Reading `[cache.semantic]`, and the part of a route that is about it."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from typing import Any

from beastmode_otel.config.settings import OFF, SemanticProfile, SemanticSettings
from beastmode_otel.config.table import Table
from beastmode_otel.errors.redact import shown
from beastmode_otel.semconv import GUARD

_RULES = (*GUARD.values, "template")
PLACE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def read_semantic(table: Table) -> SemanticSettings:
    """`semantic = "loose"` is a table with that profile. Raises ConfigError."""
    usual = SemanticSettings()
    settings = SemanticSettings(
        profile=table.choice("profile", SemanticProfile, usual.profile),
        threshold=_similarity(table, "threshold", None),
        off=_rules(table),
        max_temperature=table.number("max_temperature", usual.max_temperature),
        max_tokens=table.whole("max_tokens", usual.max_tokens, least=1),
        unread=_share(table, "unread", usual.unread),
        embedder=_embedder(table),
        seconds=None if table.get("seconds") is None else table.number("seconds", 0.0, above=True),
        verifier=_verifier(table),
        verifier_seconds=table.number("verifier_seconds", usual.verifier_seconds, above=True),
        sample=_share(table, "sample", usual.sample),
        agreement=_similarity(table, "agreement", usual.agreement) or usual.agreement,
        max_bytes=table.whole("max_bytes", usual.max_bytes, least=1024 * 1024),
        records=table.text("records"),
    )
    table.done()
    return settings


def read_route_threshold(table: Table) -> float | None:
    """ "off" is above every similarity. Raises ConfigError."""
    return math.inf if table.get("semantic_threshold") == OFF else _similarity(table, "semantic_threshold", None)


def _similarity(table: Table, key: str, usual: float | None) -> float | None:
    if table.get(key) is None:
        return usual
    value = table.number(key, 0.0, above=True)
    if value > 1:
        raise table.fail(key, f"is {value:g}", "a similarity is above 0 and at most 1, such as 0.95")
    return value


def _share(table: Table, key: str, usual: float) -> float:
    value = table.number(key, usual)
    if value > 1:
        raise table.fail(key, f"is {value:g}", "a share is from 0 to 1, such as 0.05")
    return value


def _rules(table: Table) -> tuple[str, ...]:
    said = table.get("off", ())
    if isinstance(said, str) or not isinstance(said, list | tuple):
        raise table.fail("off", f"is {said!r:.40}", f'list the rules to leave out: off = ["{GUARD.values[0]}"]')
    for name in said:
        if name not in _RULES:
            near = difflib.get_close_matches(str(name), _RULES, 1)
            known = f"rules are {', '.join(_RULES)}"
            raise table.fail("off", f"{shown(str(name))} is no rule", f"did you mean {near[0]}?" if near else known)
    return tuple(said)


def _embedder(table: Table) -> Any:
    """None, a name, "package.module:name", a table, or an object: what opens it knows which of them can be meant."""
    said = table.get("embedder")
    if said is None or (isinstance(said, str) and said):
        return said
    if isinstance(said, Mapping):
        inner = Table(table.source, table.at("embedder"), said)
        return {name: inner.secret(name) if name == "api_key" else value for name, value in inner.items()}
    if not isinstance(said, bool | int | float | str | list | tuple):
        return said
    raise table.fail("embedder", f"is {said!r:.40}", 'name one, or what makes it: embedder = "package.module:name"')


def _verifier(table: Table) -> Any:
    said = table.get("verifier")
    if said is None or callable(said) or isinstance(said, Mapping) or (isinstance(said, str) and PLACE.fullmatch(said)):
        return said
    raise table.fail("verifier", f"is {said!r:.80}", 'name what answers yes or no: verifier = "package.module:name"')

"""Whether several processes will share one service.instance.id.

No process can see the others, but a fixed id beside a server that starts several workers is enough to know. (The SDK
gives a forked child a new id; workers that set up their SDK after the fork, as they should, and spawned ones keep the
fixed one.)
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from beastmode_otel.doctor.catalog import Finding, found

_KEY: Final = "service.instance.id"
_SERVERS: Final = ("gunicorn", "uvicorn", "hypercorn", "granian")
_OPTIONS: Final = ("-w", "--workers")


def fixed_id(environ: Mapping[str, str]) -> str | None:
    """The id that OTEL_RESOURCE_ATTRIBUTES sets."""
    pairs = (pair.partition("=") for pair in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","))
    return next((unquote(value.strip()) for key, _, value in pairs if key.strip() == _KEY and value.strip()), None)


def workers(environ: Mapping[str, str], command: Sequence[str]) -> tuple[int, str]:
    """How many worker processes are asked for, and where."""
    found_in = [(_number(environ.get("WEB_CONCURRENCY")), "WEB_CONCURRENCY")]
    found_in.append((_option(shlex.split(environ.get("GUNICORN_CMD_ARGS", "")), True), "GUNICORN_CMD_ARGS"))
    server = any(word.rpartition("/")[2] in _SERVERS for word in command)
    found_in.append((_option(command, server), "--workers"))
    return max(found_in)


def _option(words: Sequence[str], applies: bool) -> int:
    if not applies:
        return 0
    pairs = [(word, words[i + 1] if i + 1 < len(words) else "") for i, word in enumerate(words)]
    separate = [_number(value) for word, value in pairs if word in _OPTIONS]
    joined = [_number(word.partition("=")[2]) for word in words if word.startswith("--workers=")]
    short = [_number(word[2:]) for word in words if word.startswith("-w") and word[2:].isdigit()]
    return max([*separate, *joined, *short], default=0)


def _number(text: str | None) -> int:
    return int(text) if text and text.strip().isdigit() else 0


def instance_findings(environ: Mapping[str, str], command: Sequence[str] = ()) -> list[Finding]:
    fixed = fixed_id(environ)
    if fixed is None:
        return []
    count, where = workers(environ, command)
    if count > 1:
        return [found("instance_id_shared", f"{fixed!r} in OTEL_RESOURCE_ATTRIBUTES, and {count} workers ({where})")]
    return [found("instance_id_fixed", f"{fixed!r} in OTEL_RESOURCE_ATTRIBUTES")]

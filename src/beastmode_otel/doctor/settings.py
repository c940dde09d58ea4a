"""What the variables and the configuration alone tell: nothing is opened or sent."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from beastmode_otel.config import CacheSettings, Config, load
from beastmode_otel.doctor.catalog import Finding, found, worst
from beastmode_otel.doctor.export_result import TEMPORALITY, deltas
from beastmode_otel.doctor.targets import SIGNALS, exporter_names, setting
from beastmode_otel.errors import ConfigError, public_url
from beastmode_otel.providers import forbids_storing
from beastmode_otel.router.upstream import PlainPost
from beastmode_otel.telemetry.exporters import exporter_factories, ignored_protocols
from beastmode_otel.telemetry.setup import LIVE, is_on
from beastmode_otel.telemetry.suppress import unseen

SWITCHES: Final = ("OTEL_SDK_DISABLED", "BEASTMODE_DISABLED")
_INSTANCE_ID: Final = "service.instance.id"
_SERVERS: Final = ("gunicorn", "uvicorn", "hypercorn", "granian")
_WORKER_OPTIONS: Final = ("-w", "--workers")
_PROMETHEUS_PATHS: Final = ("/api/v1/otlp", "/otlp/v1/metrics", "/opentelemetry/v1/metrics")


def is_off(environ: Mapping[str, str]) -> bool:
    return any(is_on(switch, environ) for switch in SWITCHES)


def settings_findings(
    environ: Mapping[str, str], *, command: tuple[str, ...] = (), config: str | None = None
) -> list[Finding]:
    """command: what is about to be run, where that is known. config: a path; None: found as the router does."""
    findings = [
        *_off(environ),
        *_config(environ, config),
        *_exporters(environ),
        *_temporality(environ),
        *_live(environ),
        *_instance_id(environ, command),
    ]
    if worst(findings) in ("ok", "info"):
        count = sum(name.startswith(("OTEL_", "BEASTMODE_")) for name in environ)
        return [found("settings_fit", f"OTEL_* and BEASTMODE_* variables set: {count or 'none'}"), *findings]
    return findings


def _off(environ: Mapping[str, str]) -> list[Finding]:
    return [found("telemetry_off", f"{switch} is on") for switch in SWITCHES if is_on(switch, environ)]


def _config(environ: Mapping[str, str], path: str | None) -> list[Finding]:
    try:
        config = load(path, environ=environ)
    except ConfigError as exc:
        return [found("config_invalid", exc.message, hint="; ".join(exc.hints) or None)]
    out = [found("deployment_out", f"{name}: {reason}") for name, reason in config.out.items()]
    return [*out, _cache(config.cache), *_never_stored(config), *_no_embedder(config.cache)]


def _no_embedder(settings: CacheSettings) -> list[Finding]:
    """Opened and closed: what names one may be wrong, too."""
    if not settings.matches_similar:
        return []
    from beastmode_otel.cache.semantic import open_embedder

    try:
        open_embedder(settings.semantic.embedder, PlainPost(unseen)).close()
    except ConfigError as exc:
        return [found("semantic_off", exc.message, hint="; ".join(exc.hints) or None)]
    return []


def _never_stored(config: Config) -> list[Finding]:
    """Deployments whose answers all say no-store, which is obeyed."""
    cache = config.cache
    return [
        found("cache_no_store", f"{one.name}: {one.provider} says cache-control: no-store with every answer")
        for one in (*config.deployments.values(), *config.vendors.values())
        if cache.mode != "off" and forbids_storing(one.provider) and cache.obeys(one.obey_cache_control, one.provider)
    ]


def _cache(settings: CacheSettings) -> Finding:
    """What the settings say; a program may say otherwise by an argument."""
    if settings.mode != "off":
        how = "" if settings.mode == "on" else f" (mode {settings.mode})"
        return found("cache_on", f"{settings.said_by} asks for it{how}; {'; '.join(_shared_tiers(settings))}")
    nobody = settings.said_by == "nobody"
    return found("cache_off", "nobody asks for it" if nobody else f"{settings.said_by} says so")


def _shared_tiers(settings: CacheSettings) -> Iterator[str]:
    """Where they are, the fastest first."""
    if settings.l2.url is not None:
        yield f"L2: {settings.l2.url.shown}"
    own = settings.own
    if own is not None:
        yield f"{own.level.upper()}: {own.tier}, of your own"
    if own is None or own.level != "l3":
        server = settings.l3.server
        yield f"L3: {public_url(settings.l3.url) if server is None else server.shown}"


def _exporters(environ: Mapping[str, str]) -> list[Finding]:
    findings = [found("protocol_ignored", ignored) for ignored in ignored_protocols(environ).values()]
    for signal in SIGNALS:
        try:
            exporter_factories(signal, environ)
        except ConfigError as exc:
            findings.append(found("exporter_missing", exc.message, hint="; ".join(exc.hints) or None))
        if all(name.lower() == "none" for name in exporter_names(signal, environ)):
            findings.append(found("exporter_none", f"OTEL_{signal.upper()}_EXPORTER=none"))
    return findings


def _temporality(environ: Mapping[str, str]) -> list[Finding]:
    if not deltas(environ):
        return []
    endpoint = setting("metrics", "ENDPOINT", environ) or ""
    prometheus = any(path in endpoint for path in _PROMETHEUS_PATHS)
    detail = f"{TEMPORALITY}={environ[TEMPORALITY]}{', and the endpoint is Prometheus or Mimir' if prometheus else ''}"
    return [found("temporality_delta", detail, severity="problem" if prometheus else "warning")]


def _live(environ: Mapping[str, str]) -> list[Finding]:
    if not is_on("BEASTMODE_LIVE", environ):
        return []
    slow = [name for name, wanted in LIVE.items() if _number(environ.get(name)) > wanted]
    return [found("live_slowed", f"{name}={environ[name]} (live: {LIVE[name]:g})") for name in slow]


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _instance_id(environ: Mapping[str, str], command: Sequence[str]) -> list[Finding]:
    """Whether several processes will share one service.instance.id.

    No process can see the others, but a fixed id beside a server that starts several workers is enough to know. (The
    SDK gives a forked child a new id; workers that set up their SDK after the fork, as they should, and spawned ones
    keep the fixed one.)
    """
    fixed = _fixed_id(environ)
    if fixed is None:
        return []
    count, where = _workers(environ, command)
    if count > 1:
        return [found("instance_id_shared", f"{fixed!r} in OTEL_RESOURCE_ATTRIBUTES, and {count} workers ({where})")]
    return [found("instance_id_fixed", f"{fixed!r} in OTEL_RESOURCE_ATTRIBUTES")]


def _fixed_id(environ: Mapping[str, str]) -> str | None:
    """The id that OTEL_RESOURCE_ATTRIBUTES sets."""
    pairs = (pair.partition("=") for pair in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","))
    return next(
        (unquote(value.strip()) for key, _, value in pairs if key.strip() == _INSTANCE_ID and value.strip()), None
    )


def _workers(environ: Mapping[str, str], command: Sequence[str]) -> tuple[int, str]:
    """How many worker processes are asked for, and where."""
    found_in = [(_count(environ.get("WEB_CONCURRENCY")), "WEB_CONCURRENCY")]
    found_in.append((_option(shlex.split(environ.get("GUNICORN_CMD_ARGS", "")), True), "GUNICORN_CMD_ARGS"))
    server = any(word.rpartition("/")[2] in _SERVERS for word in command)
    found_in.append((_option(command, server), "--workers"))
    return max(found_in)


def _option(words: Sequence[str], applies: bool) -> int:
    if not applies:
        return 0
    pairs = [(word, words[i + 1] if i + 1 < len(words) else "") for i, word in enumerate(words)]
    separate = [_count(value) for word, value in pairs if word in _WORKER_OPTIONS]
    joined = [_count(word.partition("=")[2]) for word in words if word.startswith("--workers=")]
    short = [_count(word[2:]) for word in words if word.startswith("-w") and word[2:].isdigit()]
    return max([*separate, *joined, *short], default=0)


def _count(text: str | None) -> int:
    return int(text) if text and text.strip().isdigit() else 0

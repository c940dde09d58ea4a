"""The end of a process that has nobody to tell: a second or two and one line, not 12 to 30 s of the exporters' retries.

Each exporter is judged by its own endpoint, and only what exports by OTLP to a place where nobody takes a connection is
ended early. All else (another exporter, one more processor of the app, an endpoint that is slow) has the time that the
SDK gives it. Where an exporter stands in a provider is not public: what is not found there is left to the SDK, too.
"""

from __future__ import annotations

import functools
import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from beastmode_otel.telemetry.exporters import has_endpoint

_log = logging.getLogger("beastmode_otel")
_OTLP: Final = "opentelemetry.exporter.otlp."
_CONNECT: Final = 1.2  # seconds; longer than a lost SYN takes to be sent again
_SLACK: Final = 0.2  # seconds to find out a name in
_END: Final = 0.5  # seconds for the end of what exports there, which may be waiting for the network
_PARTS: Final = (
    ("_active_span_processor", "_span_processors"),
    ("_multi_log_record_processor", "_log_record_processors"),
)
_NOISY: Final = ("opentelemetry.exporter.otlp", "opentelemetry.sdk")  # a page of retries


def end_where_nobody_listens(providers: Iterable[Any]) -> None:
    """Shut down the parts of these providers (processors, readers) whose OTLP endpoint is dead, and say so in one line.

    Never raises, and takes no longer than two seconds.
    """
    try:
        found = list(_exporting(providers))
        dead = unreachable({place for _, _, place in found})
        if not dead:
            return
        for name in _NOISY:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        where = ", ".join(f"{host}:{port}" for host, port in sorted(dead))
        why = "as OTEL_EXPORTER_OTLP_ENDPOINT says" if has_endpoint() else "OTEL_EXPORTER_OTLP_ENDPOINT is not set"
        lost = "telemetry of this process is not exported"
        _say(f"{lost}: nothing listens at {where} ({why}); run `beastmode-otel doctor`")
        # The exporter first: then what exports has nothing left to wait for, also where no thread can be started.
        ends = [(exporter.shutdown, part.shutdown) for part, exporter, place in found if place in dead]
        all_in_time([functools.partial(_both, *both) for both in ends], _END)
    except Exception as exc:  # noqa: BLE001  (an SDK of another shape: it ends as it does without us)
        _log.debug("the endpoints were not looked at: %s", type(exc).__name__)  # its words may hold an address


def _both(first: Callable[[], object], second: Callable[[], object]) -> None:
    first()
    second()


def all_in_time(works: Sequence[Callable[[], object]], seconds: float) -> bool:
    """Run them at the same time. False when one raised, said False, or was not done in time (it is left behind)."""
    results: list[bool] = []
    threads = []
    for work in works:
        thread = threading.Thread(target=_run, args=(work, results), daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is shutting down
            _run(work, results)
        else:
            threads.append(thread)
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return len(results) == len(works) and all(results)


def _run(work: Callable[[], object], results: list[bool]) -> None:
    try:
        results.append(work() is not False)
    except Exception:  # noqa: BLE001  (an exporter may raise anything; a flush reports, it does not break a shutdown)
        _log.warning("flushing telemetry failed", exc_info=True)
        results.append(False)


def unreachable(places: Iterable[tuple[str, int]], seconds: float = _CONNECT) -> set[tuple[str, int]]:
    """The places where nobody takes a connection. A name that is not found out in time is taken for alive."""
    dead: set[tuple[str, int]] = set()

    def look(place: tuple[str, int]) -> None:
        try:
            addresses = socket.getaddrinfo(*place, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            addresses = []
        if not _takes(addresses, seconds):
            dead.add(place)

    all_in_time([functools.partial(look, place) for place in places], seconds + _SLACK)
    return set(dead)


def _takes(addresses: list[Any], seconds: float) -> bool:
    """Whether one of the addresses takes a connection. All are asked at the same time, as none may ever answer."""
    with selectors.DefaultSelector() as waiting:
        try:
            for family, kind, protocol, _, address in addresses:
                asked = socket.socket(family, kind, protocol)
                asked.setblocking(False)
                waiting.register(asked, selectors.EVENT_WRITE)
                asked.connect_ex(address)
            until = time.monotonic() + seconds
            while waiting.get_map() and (left := until - time.monotonic()) > 0:
                for key, _ in waiting.select(left):
                    done: Any = key.fileobj
                    if done.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                        return True
                    waiting.unregister(done)
                    done.close()
            return False
        finally:
            for key in list(waiting.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]


def _exporting(providers: Iterable[Any]) -> Iterator[tuple[Any, Any, tuple[str, int]]]:
    """What exports by OTLP, its exporter, and the place that it exports to."""
    for provider in providers:
        parts = [*getattr(provider, "_metric_readers", ())]
        for inside, name in _PARTS:
            parts += getattr(getattr(provider, inside, None), name, ())
        for part in parts:
            exporter = getattr(part, "span_exporter", None) or getattr(part, "_exporter", None)
            exporter = exporter or getattr(getattr(part, "_batch_processor", None), "_exporter", None)
            inner = getattr(exporter, "_inner", None)  # one of ours, which makes it anew in a forked child
            exporter = exporter if inner is None else inner.get()
            place = _place(exporter)
            if place is not None:
                yield part, exporter, place


def _place(exporter: Any) -> tuple[str, int] | None:
    """None where it is no OTLP, behind a proxy or a local socket."""
    kinds = type(exporter).__mro__
    said = getattr(exporter, "_endpoint", None)
    if not isinstance(said, str) or not any(kind.__module__.startswith(_OTLP) for kind in kinds):
        return None
    if said.startswith(("unix:", "dns:", "xds:", "ipv4:", "ipv6:")):
        return None
    parts = urlsplit(said if "://" in said else f"//{said}")
    host = parts.hostname
    try:
        port = parts.port
    except ValueError:  # as of a password with a slash; the SDK says that it is no address
        return None
    if not host or ({"http", "https", "all"} & getproxies().keys() and not proxy_bypass(host)):
        return None
    return host, port or (80 if parts.scheme == "http" else 443)


def _say(line: str) -> None:
    """By our logger, and on standard error where no handler would show it: the SDK's own only exports."""
    _log.warning("%s", line)
    logger: logging.Logger | None = _log
    handlers: list[logging.Handler] = []
    while logger is not None:
        handlers += logger.handlers
        logger = logger.parent if logger.propagate else None
    if handlers and all(type(handler).__module__.startswith("opentelemetry.") for handler in handlers):
        os.write(2, f"beastmode-otel: {line}\n".encode())

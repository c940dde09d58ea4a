"""The stack for a person: start it, say where it is, stop it with Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from livestack.places import missing
from livestack.server import NotReady
from livestack.stack import Stack, environment

_FORMAT = "  {:<16}{}"


def up(*, ports_file: Path | None = None, data: Path | None = None) -> int:
    """Run until SIGINT or SIGTERM. ports_file: gets the URLs as JSON once all answer. Returns an exit status."""
    absent = missing()
    if absent is not None:
        print(absent, file=sys.stderr)
        return 1
    over = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: over.set())
    try:
        if data is not None:
            data.mkdir(parents=True, exist_ok=True)
            _run(data, ports_file, over)
        else:
            with tempfile.TemporaryDirectory(prefix="beastmode-stack-") as folder:
                _run(Path(folder), ports_file, over)
    except NotReady as exc:
        print(exc, file=sys.stderr)
        return 1
    finally:
        if ports_file is not None:
            ports_file.unlink(missing_ok=True)
    return 0


def _run(folder: Path, ports_file: Path | None, over: threading.Event) -> None:
    print("starting the Collector, Prometheus, VictoriaLogs and Jaeger", flush=True)
    with Stack(folder) as stack:
        _introduce(stack)
        if ports_file is not None:
            _write(ports_file, stack)
        while not over.is_set():
            over.wait(0.5)
            _look_after(stack, over)
        print("\nstopping", flush=True)


def _introduce(stack: Stack) -> None:
    print(_FORMAT.format("Prometheus", stack.prometheus))
    print(_FORMAT.format("VictoriaLogs", f"{stack.victorialogs}/select/vmui"))
    print(_FORMAT.format("Jaeger", stack.jaeger))
    print(_FORMAT.format("OTLP", f"{stack.otlp_http} (HTTP), {stack.otlp_grpc} (gRPC)"))
    print(_FORMAT.format("logs and data", stack.folder))
    print("\nPaste:\n")
    for name, value in environment(stack).items():
        print(f"export {name}={value}")
    print("export BEASTMODE_LIVE=1\n\nThen, for example: beastmode-otel demo\nCtrl-C stops everything.", flush=True)


def _write(path: Path, stack: Stack) -> None:
    """At once: who waits for the file finds it whole."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(json.dumps(stack.urls(), indent=2) + "\n", encoding="utf-8")
    os.replace(new, path)


def _look_after(stack: Stack, over: threading.Event) -> None:
    for server in stack.servers.values():
        if not server.running:
            over.set()
            raise NotReady(f"{server.name} ended:\n{server.tail()}")

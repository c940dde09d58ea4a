"""A real Collector with the configurations that we ship: validate them, or run one and talk to it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest

from livestack.ports import free_ports
from support.otlp_backend import until

ROOT: Final = Path(__file__).resolve().parents[2]
CONFIG: Final = ROOT / "collector"
BIN: Final = ROOT / ".tools" / "bin"
OTELCOL: Final = BIN / "otelcol"
_PORTS: Final = ("http", "grpc", "metrics", "health")
_STARTS: Final = 5
_PORT_TAKEN: Final = "address already in use"
needs_collector: Final = pytest.mark.skipif(
    not OTELCOL.exists(), reason="no Collector: python tools/stack build --only otelcol (needs Go)"
)


def validate(*names: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """`otelcol validate` over collector/{name}.yaml, in that order, with nothing in the environment but `env`."""
    done = subprocess.run([OTELCOL, "validate", *_configs(names)], env=dict(env or {}), capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def _configs(names: tuple[str, ...]) -> list[str]:
    return [f"--config={CONFIG / name}.yaml" for name in names]


@dataclass
class Collector:
    """A running one, as a context manager. folder: where its log goes. names: as for `validate`."""

    folder: Path
    names: tuple[str, ...]
    env: Mapping[str, str]
    ports: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.ports['http']}"

    @property
    def log(self) -> str:
        return (self.folder / "collector.log").read_text(errors="replace")

    def start(self) -> None:
        """Another process may take a port between our look and its use: then with other ones."""
        for _ in range(_STARTS):
            self.ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
            said = self._launch()
            until(lambda: self._process.poll() is not None or self._healthy(), "the Collector is ready or has ended")
            if self._process.poll() is None or _PORT_TAKEN not in self.log[said:]:
                break
        assert self._process.poll() is None, f"the Collector has ended: {self.log}"

    def _launch(self) -> int:
        """Where in the log this start begins."""
        with (self.folder / "collector.log").open("ab") as log:
            said = len(self.log)
            command = [OTELCOL, *_configs(self.names)]
            self._process = subprocess.Popen(command, env=self._environment(), stdout=log, stderr=log, cwd=self.folder)
        return said

    def kill(self) -> None:
        """SIGKILL: no chance to flush anything."""
        self._process.kill()
        self._process.wait(30)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:  # its exporters wait for a backend that is down
                self.kill()

    def send(self, signal: str, message: Any) -> None:
        """One OTLP request, as an SDK would send it. Raises HTTPError where the Collector refuses."""
        request = urllib.request.Request(
            f"{self.http}/v1/{signal}", message.SerializeToString(), {"Content-Type": "application/x-protobuf"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200

    def own_metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['metrics']}/metrics", timeout=30) as answer:
            return str(answer.read().decode())

    def _healthy(self) -> bool:
        url = f"http://127.0.0.1:{self.ports['health']}/"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def _environment(self) -> dict[str, str]:
        at = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        return {
            "PATH": os.environ.get("PATH", ""),
            "OTLP_GRPC_ENDPOINT": at["grpc"],
            "OTLP_HTTP_ENDPOINT": at["http"],
            "COLLECTOR_HEALTH_ENDPOINT": at["health"],
            "COLLECTOR_METRICS_PORT": str(self.ports["metrics"]),
            **self.env,
        }

"""Collector, Prometheus, VictoriaLogs and Jaeger together, wired with the files of collector/ that compose uses."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from livestack.ask import answers
from livestack.places import BIN, CONFIG
from livestack.ports import free_ports
from livestack.server import Server

_PORTS: Final = (
    "otlp_http", "otlp_grpc", "collector_metrics", "collector_health", "prometheus", "victorialogs",
    "jaeger", "jaeger_grpc", "jaeger_otlp", "jaeger_health",
)  # fmt: skip
_BACKENDS: Final = ("backend-prometheus", "backend-victorialogs", "backend-jaeger")
_EMPTY_METRICS: Final = b"{}"


class Stack:
    """`with Stack(folder) as stack:` runs it until the end of the block; ports stay the same over restarts.

    folder: for data and logs. otlp_http, otlp_grpc: where telemetry goes. prometheus, victorialogs, jaeger: to query.
    Raises NotReady, with the program's own words.
    """

    def __init__(self, folder: Path) -> None:
        self._port = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self.folder = folder
        stores = (self._prometheus(), self._victorialogs(), self._jaeger())
        self.servers = {server.name: server for server in (*stores, self._collector())}

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._port[name]}"

    @property
    def otlp_http(self) -> str:
        return self.url("otlp_http")

    @property
    def otlp_grpc(self) -> str:
        return self.url("otlp_grpc")

    @property
    def prometheus(self) -> str:
        return self.url("prometheus")

    @property
    def victorialogs(self) -> str:
        return self.url("victorialogs")

    @property
    def jaeger(self) -> str:
        return self.url("jaeger")

    def urls(self) -> dict[str, str]:
        names = ("otlp_http", "otlp_grpc", "prometheus", "victorialogs", "jaeger", "collector_metrics")
        return {name: self.url(name) for name in names}

    # Life. Names: otelcol, prometheus, victorialogs, jaeger.

    def __enter__(self) -> Self:
        try:
            for name in self.servers:
                self.start(name)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """The Collector first: what it still holds goes out."""
        for name in reversed(self.servers):
            self.servers[name].stop()

    def start(self, name: str) -> None:
        self.servers[name].start()

    def stop(self, name: str) -> None:
        self.servers[name].stop()

    def kill(self, name: str) -> None:
        self.servers[name].kill()

    def restart(self, name: str) -> None:
        self.stop(name)
        self.start(name)

    # The programs.

    def _server(
        self,
        name: str,
        *arguments: str,
        ready: Callable[[], bool],
        environ: dict[str, str] | None = None,
        program: str = "",
    ) -> Server:
        home = self.folder / name
        home.mkdir(parents=True, exist_ok=True)
        command, log = [str(BIN / (program or name)), *arguments], self.folder / f"{name}.log"
        return Server(name, command, environ=environ or {}, ready=ready, log=log)

    def _prometheus(self) -> Server:
        return self._server(
            "prometheus",
            f"--config.file={self._prometheus_config()}",
            f"--storage.tsdb.path={self.folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{self._port['prometheus']}",
            "--web.enable-otlp-receiver",
            "--enable-feature=exemplar-storage",
            ready=lambda: answers(f"{self.prometheus}/-/ready"),
        )

    def _prometheus_config(self) -> Path:
        """collector/prometheus.yaml with its rules, and the Collector's own metrics to scrape, at our port."""
        folder = self.folder / "prometheus-config"
        (folder / "scrape.d").mkdir(parents=True, exist_ok=True)
        for name in ("prometheus.yaml", "rules.yaml"):
            shutil.copyfile(CONFIG / name, folder / name)
        scrape = (CONFIG / "scrape.yaml").read_text(encoding="utf-8")
        ours = scrape.replace("collector:8888", f"127.0.0.1:{self._port['collector_metrics']}")
        (folder / "scrape.d" / "collector.yaml").write_text(ours, encoding="utf-8")
        return folder / "prometheus.yaml"

    def _victorialogs(self) -> Server:
        return self._server(
            "victorialogs",
            f"-storageDataPath={self.folder / 'victorialogs'}",
            f"-httpListenAddr=127.0.0.1:{self._port['victorialogs']}",
            ready=lambda: answers(f"{self.victorialogs}/health"),
            program="victoria-logs",
        )

    def _jaeger(self) -> Server:
        ports = {"HTTP": "jaeger", "GRPC": "jaeger_grpc", "OTLP": "jaeger_otlp", "HEALTH": "jaeger_health"}
        return self._server(
            "jaeger",
            f"--config={CONFIG / 'jaeger.yaml'}",
            environ={f"JAEGER_{what}_PORT": str(self._port[name]) for what, name in ports.items()},
            ready=lambda: answers(f"{self.url('jaeger_health')}/status"),
        )

    def _collector(self) -> Server:
        environ = {
            "OTLP_GRPC_ENDPOINT": f"127.0.0.1:{self._port['otlp_grpc']}",
            "OTLP_HTTP_ENDPOINT": f"127.0.0.1:{self._port['otlp_http']}",
            "COLLECTOR_METRICS_PORT": str(self._port["collector_metrics"]),
            "COLLECTOR_HEALTH_ENDPOINT": f"127.0.0.1:{self._port['collector_health']}",
            "PROMETHEUS_OTLP_ENDPOINT": f"{self.prometheus}/api/v1/otlp",
            "VICTORIALOGS_OTLP_ENDPOINT": f"{self.victorialogs}/insert/opentelemetry",
            "JAEGER_OTLP_ENDPOINT": self.url("jaeger_otlp"),
        }
        return self._server(
            "otelcol",
            *(f"--config={CONFIG / name}.yaml" for name in ("gateway", *_BACKENDS)),
            environ=environ,
            ready=lambda: answers(
                f"{self.otlp_http}/v1/metrics", data=_EMPTY_METRICS, headers={"content-type": "application/json"}
            ),
        )


def environment(stack: Stack) -> dict[str, str]:
    """What a program needs to send its telemetry to this stack."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": stack.otlp_http, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}

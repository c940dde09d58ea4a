"""The stack itself: built from what is pinned, on the same ports after a restart, gone after Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from livestack.ask import answers
from livestack.build import RECIPES
from livestack.places import BIN, ROOT
from support.stack import Stack, get, program


@pytest.mark.usefixtures("stack")  # for its skip
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_what_is_there_was_built_from_what_is_pinned(recipe) -> None:
    assert recipe.is_fresh(), "run `make stack-build`"


def test_prometheus_config_passes_promtool(stack: Stack) -> None:
    config = stack.folder / "prometheus-config" / "prometheus.yaml"
    done = subprocess.run([BIN / "promtool", "check", "config", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_keeps_exemplars_and_takes_otlp(stack: Stack) -> None:
    flags = get(stack.prometheus, "/api/v1/status/flags")
    assert flags["web.enable-otlp-receiver"] == "true"
    assert flags["enable-feature"] == "exemplar-storage"


@pytest.mark.parametrize("name", ["otelcol", "prometheus", "victorialogs", "jaeger"])
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_program_comes_back_on_its_port(stack: Stack, name: str, end: str) -> None:
    server = stack.servers[name]
    before = server.pid
    getattr(stack, end)(name)
    try:
        assert server.pid is None
        with pytest.raises(OSError):
            answers(stack.otlp_http if name == "otelcol" else stack.url(name))
    finally:
        stack.start(name)
    assert server.pid not in (None, before)


@pytest.mark.usefixtures("stack")
def test_up_says_where_it_is_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    ports = tmp_path / "ports.json"
    running = program(str(ROOT / "tools" / "stack"), "up", "--ports-file", str(ports), "--data", str(tmp_path / "data"))
    until = time.monotonic() + 120
    while not ports.exists() and running.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    assert ports.exists(), running.communicate(timeout=60)
    urls = json.loads(ports.read_text(encoding="utf-8"))
    assert answers(f"{urls['prometheus']}/-/ready")
    assert answers(f"{urls['victorialogs']}/health")
    assert answers(f"{urls['jaeger']}/api/services")
    running.send_signal(signal.SIGINT)
    printed, problems = running.communicate(timeout=60)
    assert (running.returncode, problems) == (0, "")
    assert f"export OTEL_EXPORTER_OTLP_ENDPOINT={urls['otlp_http']}\n" in printed
    assert not ports.exists()
    for url in urls.values():
        with pytest.raises(OSError):
            answers(url)

"""A real Collector accepts every combination of our files that the README allows, and refuses the wrong ones."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, combinations
from pathlib import Path

import pytest

from support.otelcol import BIN, CONFIG, needs_collector, validate

pytestmark = needs_collector
BACKENDS = sorted(path.stem for path in CONFIG.glob("backend-*.yaml"))
PROMTOOL, JAEGER = BIN / "promtool", BIN / "jaeger"
OPTIONS = ("persist", "redact", "sampling")
ENV = {
    "OTLP_BACKEND_ENDPOINT": "https://otlp.example.com",
    "GRAFANA_CLOUD_OTLP_ENDPOINT": "https://gateway.example.com/otlp",
    "DT_ENDPOINT": "https://dynatrace.example.com/api/v2/otlp",
    "QUEUE_DIRECTORY": "/nowhere/that/validate/would/touch",
}


def subsets(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(names, size) for size in range(len(names) + 1)))


def test_the_backends_are_those_we_document() -> None:
    readme = (CONFIG / "README.md").read_text()
    assert [name for name in BACKENDS if f"`{name}.yaml`" not in readme] == []
    assert len(BACKENDS) >= 7


def test_every_subset_of_options_with_every_backend_and_every_pair_of_backends() -> None:
    """Each in both orders: merging must not depend on which file comes first."""
    backends = [(name,) for name in BACKENDS] + list(combinations(BACKENDS, 2))
    wanted = [("gateway", *options, *chosen) for options in subsets(OPTIONS) for chosen in backends]
    wanted += [("gateway", *reversed(names[1:])) for names in wanted if len(names) > 2]
    with ThreadPoolExecutor(4) as pool:
        results = dict(zip(wanted, pool.map(lambda names: validate(*names, env=ENV), wanted), strict=True))
    assert {names: said for names, (status, said) in results.items() if status or said} == {}
    assert len(results) > 400


def test_all_backends_at_once_with_all_options() -> None:
    assert validate("gateway", *OPTIONS, *BACKENDS, env=ENV) == (0, "")


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("gateway",), "no exporter configuration"),
        (("gateway", "redact"), "no exporter configuration"),
        (("gateway", "sampling"), "no exporter configuration"),
        (("gateway", "persist"), "not used in any supported receiver pipeline"),
        (("backend-lgtm",), "no receiver configuration"),
        (("redact", "backend-lgtm"), "no receiver configuration"),
        (("sampling", "backend-lgtm"), "no receiver configuration"),
        (("persist", "backend-lgtm"), "no receiver configuration"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_combinations_fail(names: tuple[str, ...], why: str) -> None:
    status, said = validate(*names, env=ENV)
    assert status != 0
    assert why in said
    assert why in (CONFIG / "README.md").read_text(), "the README says what this failure means"


@pytest.mark.parametrize("options", subsets(OPTIONS), ids="+".join)
@pytest.mark.parametrize("backend", ["backend-otlp", "backend-grafana-cloud", "backend-dynatrace"])
def test_an_endpoint_without_a_default_must_be_set(options: tuple[str, ...], backend: str) -> None:
    status, said = validate("gateway", *options, backend, env={"QUEUE_DIRECTORY": "/nowhere"})
    assert status != 0
    assert "endpoint" in said


@pytest.mark.skipif(not PROMTOOL.exists(), reason="no promtool: python tools/stack build --only prometheus (needs Go)")
def test_prometheus_accepts_its_configuration_its_rules_and_the_scrape_file(tmp_path: Path) -> None:
    """As compose.yaml mounts them; check does look into scrape.d."""
    for name in ("prometheus.yaml", "rules.yaml"):
        shutil.copy(CONFIG / name, tmp_path)
    (tmp_path / "scrape.d").mkdir()
    scrape = shutil.copy(CONFIG / "scrape.yaml", tmp_path / "scrape.d")
    status, said = run(PROMTOOL, "check", "config", tmp_path / "prometheus.yaml")
    assert status == 0, said
    assert "1 rule files found" in said
    Path(scrape).write_text("scrape_configs: [{no_such_key: 1}]")
    assert run(PROMTOOL, "check", "config", tmp_path / "prometheus.yaml")[0] != 0


@pytest.mark.skipif(not JAEGER.exists(), reason="no Jaeger: python tools/stack build --only jaeger (needs Go)")
def test_jaeger_accepts_its_configuration() -> None:
    verify = (JAEGER, "validate", f"--config={CONFIG / 'jaeger.yaml'}")
    assert run(*verify)[0] == 0
    status, said = run(*verify, env={"JAEGER_TRACES": "many"})
    assert status != 0
    assert "max_traces" in said


def run(*command: str | Path, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(command, env=dict(env or {}), capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_an_unset_secret_is_accepted_which_is_why_doctor_looks() -> None:
    assert validate("gateway", "backend-honeycomb", env={}) == (0, "")

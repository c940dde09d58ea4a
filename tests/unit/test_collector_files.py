"""The Docker stack and the data that its programs are given: facts that no program here can check for us."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from beastmode_otel.cli.shipped import shipped

FOLDER = Path(str(shipped("collector")))


def load(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text("utf-8"))


STACKS = {name: load(name) for name in ("compose.yaml", "compose-apache.yaml")}
COMPOSE = STACKS["compose.yaml"]
SERVICES: dict[str, Any] = COMPOSE["services"]
every_stack = pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
BACKENDS = sorted(path.name for path in FOLDER.glob("backend-*.yaml"))


@every_stack
def test_every_port_is_on_loopback(stack: Any) -> None:
    ports = {name: service.get("ports", []) for name, service in stack["services"].items()}
    assert [port for each in ports.values() for port in each if not port.startswith("127.0.0.1:")] == []
    assert all(ports.values()), "each service can be reached"


def test_images_are_pinned_to_the_versions_that_fit_together() -> None:
    assert {service["image"] for service in SERVICES.values()} == {
        "otel/opentelemetry-collector-contrib:0.159.0",
        "prom/prometheus:v3.14.0",
        "grafana/loki:3.7.6",
        "grafana/tempo:3.0.3",
        "grafana/grafana:13.2.0",
    }


def test_the_other_stack_has_the_versions_that_our_tests_run() -> None:
    others = {service["image"] for service in STACKS["compose-apache.yaml"]["services"].values()}
    ours = {service["image"] for service in SERVICES.values()}
    assert others - ours == {"victoriametrics/victoria-logs:v1.52.1", "jaegertracing/jaeger:2.13.0"}
    assert ours - others == {"grafana/loki:3.7.6", "grafana/tempo:3.0.3"}


def test_both_stacks_are_the_same_but_for_logs_and_traces() -> None:
    same = ("prometheus", "grafana", "collector")
    for name in same:
        one, other = (dict(stack["services"][name]) for stack in STACKS.values())
        for each in (one, other):
            for key in ("depends_on", "environment", "command", "configs", "volumes"):
                each.pop(key, None)
        assert one == other


def test_the_collector_s_own_build_is_the_version_of_the_image() -> None:
    parts = [part["gomod"] for group in load("builder.yaml").values() if isinstance(group, list) for part in group]
    versions = {part.split()[1] for part in parts if "/confmap/provider/" not in part}
    assert versions == {"v0.159.0"}


KEPT = {
    "prometheus": "/prometheus", "loki": "/loki", "tempo": "/var/tempo", "grafana": "/var/lib/grafana",
    "victorialogs": "/victoria-logs-data",
}  # fmt: skip


@every_stack
def test_what_holds_data_holds_it_in_a_named_volume(stack: Any) -> None:
    """Jaeger keeps traces in memory."""
    assert set(stack["volumes"]) == set(KEPT) & set(stack["services"])
    for name in stack["volumes"]:
        assert f"{name}:{KEPT[name]}" in stack["services"][name]["volumes"]


@every_stack
def test_every_config_that_is_used_is_declared_and_every_file_is_there(stack: Any) -> None:
    used = {one["source"] for service in stack["services"].values() for one in service.get("configs", ())}
    assert used == set(stack["configs"])
    assert [one["file"] for one in stack["configs"].values() if not (FOLDER / one["file"]).is_file()] == []


def test_all_but_the_collector_have_a_healthcheck() -> None:
    assert [name for name, service in SERVICES.items() if "healthcheck" not in service] == ["collector"]


def test_images_without_a_shell_or_a_health_command_have_none() -> None:
    services = STACKS["compose-apache.yaml"]["services"]
    assert sorted(name for name, one in services.items() if "healthcheck" not in one) == ["collector", "jaeger"]


@every_stack
def test_the_live_view_is_possible(stack: Any) -> None:
    assert stack["services"]["grafana"]["environment"]["GF_DASHBOARDS_MIN_REFRESH_INTERVAL"] == "250ms"
    [prometheus] = [one for one in sources_of(stack) if one["type"] == "prometheus"]
    assert prometheus["jsonData"]["timeInterval"] == "1s"


def sources_of(stack: Any) -> list[Any]:
    """The data sources that its Grafana is given."""
    found: list[Any] = load(stack["configs"]["grafana-datasources"]["file"])["datasources"]
    return found


def test_data_sources_link_to_each_other_by_uid() -> None:
    sources = {one["uid"]: one["jsonData"] for one in load("grafana/datasources.yaml")["datasources"]}
    assert sources["prometheus"]["exemplarTraceIdDestinations"][0]["datasourceUid"] == "tempo"
    assert sources["loki"]["derivedFields"][0]["datasourceUid"] == "tempo"
    assert sources["tempo"]["tracesToLogsV2"]["datasourceUid"] == "loki"
    assert set(sources) == {"prometheus", "loki", "tempo"}


def test_the_other_data_sources_link_to_each_other_by_uid() -> None:
    sources = {one["uid"]: one for one in sources_of(STACKS["compose-apache.yaml"])}
    assert sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"][0]["datasourceUid"] == "jaeger"
    assert sources["victorialogs"]["jsonData"]["derivedFields"][0]["datasourceUid"] == "jaeger"
    assert {one["type"] for one in sources.values()} == {"prometheus", "victoriametrics-logs-datasource", "jaeger"}


@every_stack
def test_dashboards_are_provisioned_from_where_they_are_mounted(stack: Any) -> None:
    [provider] = load("grafana/dashboards.yaml")["providers"]
    [bind] = [one for one in stack["services"]["grafana"]["volumes"] if isinstance(one, dict)]
    assert provider["options"]["path"] == bind["target"]
    assert bind["bind"] == {"create_host_path": False}, "a missing folder fails, it is not made empty"


def test_nobody_phones_home() -> None:
    grafana = SERVICES["grafana"]["environment"]
    assert grafana["GF_ANALYTICS_REPORTING_ENABLED"] == "false"
    assert load("loki.yaml")["analytics"] == {"reporting_enabled": False}
    assert load("tempo.yaml")["usage_report"] == {"reporting_enabled": False}


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_uses_all_three_forwards_and_starts_from_nothing_else(name: str) -> None:
    pipelines = load(name)["service"]["pipelines"]
    assert sorted(one["receivers"] for one in pipelines.values()) == [
        ["forward/logs"],
        ["forward/metrics"],
        ["forward/traces"],
    ]


@pytest.mark.parametrize("name", [name for name in BACKENDS if name != "backend-debug.yaml"])
def test_a_backend_queues_in_items_and_retries_for_ever(name: str) -> None:
    for exporter in [one for kind, one in load(name)["exporters"].items() if not kind.startswith("debug")]:
        assert exporter["sending_queue"] | {"batch": None, "num_consumers": None} == {
            "enabled": True,
            "sizer": "items",
            "queue_size": 200000,
            "batch": None,
            "num_consumers": None,
        }
        assert exporter["sending_queue"]["batch"]["flush_timeout"] == "100ms"
        assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"


def test_persist_names_every_exporter_that_can_queue() -> None:
    queued = {name for file in BACKENDS for name, one in load(file)["exporters"].items() if "sending_queue" in one}
    assert set(load("persist.yaml")["exporters"]) == queued


def test_no_two_options_write_the_same_list() -> None:
    written = [path for name in ("persist", "redact", "sampling") for path in lists(load(f"{name}.yaml"))]
    assert len(written) == len(set(written))


def lists(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict):
        return [found for key, below in value.items() for found in lists(below, f"{path}.{key}")]
    return [path] if isinstance(value, list) else []


PLAIN_HEADERS = {"compute_stats", "VL-Stream-Fields"}


def test_no_secret_stands_in_a_file() -> None:
    """A header's value comes from the environment, whole or after its scheme."""
    for name in BACKENDS:
        for exporter in load(name).get("exporters", {}).values():
            for key, value in dict(
                exporter.get("headers") or {} if isinstance(exporter.get("headers"), dict) else {}
            ).items():
                if key not in PLAIN_HEADERS:
                    assert re.fullmatch(r"(?:[\w-]+ )?\$\{env:\w+(?::-\w+)?\}", value), (name, key)

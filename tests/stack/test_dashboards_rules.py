"""The alert rules under promtool: they parse, they fire when they should, and they keep quiet when they should."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from beastmode_otel import semconv
from dashboards.alerts import LONGEST, groups
from dashboards.prometheus_names import OVERFLOW, base, count, label
from livestack.places import BIN

PROMTOOL: Final = BIN / "promtool"
RULES: Final = Path(__file__).resolve().parents[2] / "collector" / "rules.yaml"
ENDED: Final = count(semconv.REQUEST_DURATION)
NAMES: Final = {rule.name for rules in groups().values() for rule in rules if rule.summary}
Json = dict[str, Any]

pytestmark = pytest.mark.skipif(not PROMTOOL.exists(), reason="promtool is not built: python tools/stack build")


def series(name: str, values: str, **labels: str) -> Json:
    told = ",".join(f'{key}="{value}"' for key, value in {"service_name": "shop", "instance": "1", **labels}.items())
    return {"series": f"{name}{{{told}}}", "values": values}


def ended(outcome: str, values: str) -> Json:
    return series(ENDED, values, **{label(semconv.OUTCOME): outcome})


def failed(values: str, category: str = "server_error") -> Json:
    labels = {label(semconv.MODEL): "custom:chat", label(semconv.ERROR_TYPE): category}
    return series(base(semconv.ERRORS), values, **labels)


def firing(tmp_path: Path, at: str, *given: Json) -> set[tuple[str, str]]:
    """Name and severity of the alerts that fire then. promtool is told that none does, and says which do."""
    silent = [{"eval_time": at, "alertname": name} for name in sorted(NAMES)]
    test = {"interval": "30s", "input_series": list(given), "alert_rule_test": silent}
    path = tmp_path / "test.json"  # which is YAML
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}))
    ran = subprocess.run([PROMTOOL, "test", "rules", path], capture_output=True, text=True, timeout=120)
    text = ran.stdout + ran.stderr
    found = set(re.findall(r'Labels:\{alertname="(\w+)"[^}]*severity="(\w+)"', text))
    assert bool(found) is bool(ran.returncode), text
    return found


def test_the_rules_parse() -> None:
    ran = subprocess.run([PROMTOOL, "check", "rules", RULES], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_nothing_fires_while_all_is_well(tmp_path: Path) -> None:
    """One request of 1,000 fails, requests are short."""
    given = [
        ended("ok", "0+500x240"),
        ended("error", "0+0.5x240"),
        ended("cancelled", "0+300x240"),
        failed("0+0.5x240"),
        series(base(semconv.REQUESTS_OLDEST), "30x240"),
    ]
    assert firing(tmp_path, "2h", *given) == set()


def test_a_burst_of_failures_is_a_page(tmp_path: Path) -> None:
    """A quarter fails."""
    given = [ended("ok", "0+30x240"), ended("error", "0+10x240"), failed("0+10x240")]
    assert ("BeastmodeErrorBudgetBurn", "page") in firing(tmp_path, "2h", *given)


def test_a_slow_burn_is_a_ticket_and_no_page(tmp_path: Path) -> None:
    """4 of 100 fail for more than a day."""
    given = [ended("ok", "0+96x3200"), ended("error", "0+4x3200"), failed("0+4x3200")]
    assert firing(tmp_path, "26h", *given) == {("BeastmodeErrorBudgetBurn", "ticket")}


def test_it_stops_soon_after_the_failures_stop(tmp_path: Path) -> None:
    """The short window: nobody is paged for what is over."""
    given = [ended("ok", "0+30x240"), ended("error", "0+10x160 1600x80"), failed("0+10x160 1600x80")]
    assert ("BeastmodeErrorBudgetBurn", "page") not in firing(tmp_path, "119m", *given)


def test_two_failures_at_night_wake_nobody(tmp_path: Path) -> None:
    given = [ended("ok", "0x200 1x40"), ended("error", "0x200 2x40"), failed("0x200 2x40")]
    assert firing(tmp_path, "102m", *given) == set()


def test_one_refusal_for_want_of_a_deployment_is_enough(tmp_path: Path) -> None:
    """Its series is born with it: increase() alone would never see it."""
    given = [ended("ok", "0+30x240"), failed("_x230 1x10", "circuit_open")]
    assert firing(tmp_path, "118m", *given) == {("BeastmodeNoDeploymentLeft", "page")}


def test_a_request_that_is_stuck(tmp_path: Path) -> None:
    old = series(base(semconv.REQUESTS_OLDEST), f"{LONGEST + 60}x240")
    assert firing(tmp_path, "10m", old) == {("BeastmodeRequestStuck", "ticket")}


def test_telemetry_that_is_lost(tmp_path: Path) -> None:
    assert firing(tmp_path, "118m", series(base(semconv.TELEMETRY_DROPPED), "_x230 3x10")) == {
        ("BeastmodeTelemetryDropped", "ticket")
    }


def test_too_many_series(tmp_path: Path) -> None:
    folded = series(base(semconv.LABEL_REQUESTS), "0+1x240", **{OVERFLOW: "true"})
    assert firing(tmp_path, "20m", folded) == {("BeastmodeCardinalityOverflow", "ticket")}

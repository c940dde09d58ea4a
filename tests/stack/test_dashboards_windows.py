"""What windows.py promises, under promtool: births are counted, seldom exports fill charts, the dead do not linger."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from beastmode_otel import semconv
from dashboards import measures
from dashboards.prometheus_names import base, bucket, count, label
from dashboards.promql import many, many_long, or_zero, quantile, quantile_of_all, rate, selector
from livestack.places import BIN
from support.panels import put_in

PROMTOOL: Final = BIN / "promtool"
ERRORS: Final = base(semconv.ERRORS)
PULSE: Final = base(semconv.REQUESTS_ACTIVE)
Json = dict[str, Any]

pytestmark = pytest.mark.skipif(not PROMTOOL.exists(), reason="promtool is not built: run `make stack-build`")


def series(name: str, values: str, instance: str = "1", **labels: str) -> Json:
    told = ",".join(f'{key}="{one}"' for key, one in {"service_name": "shop", "instance": instance, **labels}.items())
    return {"series": f"{name}{{{told}}}", "values": values}


def holds(
    tmp_path: Path, expr: str, *, at: str, is_: float | None, given: list[Json], every: str, seconds: int
) -> None:
    """That an expression has this one value then, or none. every: seconds between the given values, as text."""
    samples = [] if is_ is None else [{"labels": "{}", "value": is_}]
    case = {"expr": put_in(expr, seconds=seconds), "eval_time": at, "exp_samples": samples}
    told = {
        "evaluation_interval": every,
        "tests": [{"interval": every, "input_series": given, "promql_expr_test": [case]}],
    }
    path = tmp_path / "test.json"  # which is YAML
    path.write_text(json.dumps(told))
    ran = subprocess.run([PROMTOOL, "test", "rules", path], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr


# Growth.


def test_the_first_error_ever_is_one_error(tmp_path: Path) -> None:
    """increase() says 0, and before a second sample nothing at all."""
    given = [series(ERRORS, "_x100 1x10")]
    for at in ("100s", "105s"):
        holds(tmp_path, many(semconv.ERRORS), at=at, is_=1, given=given, every="1s", seconds=60)
    plain = f"sum (increase({selector(ERRORS, semconv.ERRORS)}[$__range]))"
    holds(tmp_path, plain, at="100s", is_=None, given=given, every="1s", seconds=60)
    holds(tmp_path, plain, at="105s", is_=0, given=given, every="1s", seconds=60)


def test_what_was_there_before_counts_by_its_growth(tmp_path: Path) -> None:
    given = [series(ERRORS, "1000+1x200")]
    holds(tmp_path, many(semconv.ERRORS), at="150s", is_=60, given=given, every="1s", seconds=60)


def test_processes_that_are_gone_are_counted_too(tmp_path: Path) -> None:
    given = [series(ERRORS, "_x20 7x20", "gone"), series(ERRORS, "_x50 2x80", "lives")]
    holds(tmp_path, many(semconv.ERRORS), at="100s", is_=9, given=given, every="1s", seconds=90)


def test_a_silence_is_no_birth(tmp_path: Path) -> None:
    """After 20 minutes without telemetry a process goes on: its 1,000 old errors are not of the last five minutes."""
    given = [series(ERRORS, "1000x10 _x20 1003x9")]
    holds(tmp_path, many(semconv.ERRORS), at="35m", is_=0, given=given, every="60s", seconds=300)


def test_days_count_what_runs_at_once_and_what_ended_by_steps(tmp_path: Path) -> None:
    given = [series(ERRORS, "_x100 40+1x1000", "lives"), series(ERRORS, "_x30 5x30", "gone")]
    expr = many_long(semconv.ERRORS, window="24h", step="5m")
    holds(tmp_path, expr, at="100m", is_=40 + 5, given=given, every="60s", seconds=1)
    holds(tmp_path, expr, at="101m", is_=41 + 5, given=given, every="60s", seconds=1)


def test_nothing_is_zero_where_telemetry_arrives_and_nothing_where_none_does(tmp_path: Path) -> None:
    alive = [series(PULSE, "3x20")]
    holds(tmp_path, or_zero(many(semconv.ERRORS)), at="10s", is_=0, given=alive, every="1s", seconds=60)
    holds(tmp_path, or_zero(many(semconv.ERRORS)), at="10s", is_=None, given=[], every="1s", seconds=60)


def test_a_share_without_its_part_is_zero_and_without_its_whole_nothing(tmp_path: Path) -> None:
    outcome = label(semconv.OUTCOME)
    well = [series(count(measures.ENDED), "_x5 8x20", **{outcome: "ok"})]
    holds(tmp_path, measures.error_rate(), at="10s", is_=0, given=well, every="1s", seconds=60)
    half = [*well, series(count(measures.ENDED), "_x5 2x20", **{outcome: "error"})]
    holds(tmp_path, measures.error_rate(), at="10s", is_=0.2, given=half, every="1s", seconds=60)
    holds(tmp_path, measures.error_rate(), at="10s", is_=None, given=[], every="1s", seconds=60)


def test_a_quantile_of_one_value_is_seen_at_once(tmp_path: Path) -> None:
    given = [series(bucket(measures.ENDED), "_x5 1x20", le=le) for le in ("1", "2", "+Inf")]
    given[0]["values"] = "_x5 0x20"
    holds(tmp_path, quantile_of_all(0.5, measures.ENDED), at="5s", is_=1.5, given=given, every="1s", seconds=60)
    holds(tmp_path, quantile_of_all(0.5, measures.ENDED), at="5s", is_=None, given=[], every="1s", seconds=60)


# Pace: the rate interval is 4 s here, as with a data source whose scrape interval is 1 s.


def test_charts_of_a_process_that_exports_each_minute_are_not_empty(tmp_path: Path) -> None:
    given = [series(ERRORS, "0+60x20"), series(PULSE, "1x20")]
    for at in ("10m", "615s", "645s"):
        holds(tmp_path, rate(semconv.ERRORS), at=at, is_=1, given=given, every="60s", seconds=900)
    plain = f"sum (rate({selector(ERRORS, semconv.ERRORS)}[$__rate_interval]))"
    holds(tmp_path, plain, at="10m", is_=None, given=given, every="60s", seconds=900)


def test_so_are_its_quantiles(tmp_path: Path) -> None:
    given = [series(bucket(measures.ENDED), "0+60x20", le=le) for le in ("2", "+Inf")] + [series(PULSE, "1x20")]
    holds(tmp_path, quantile(0.5, measures.ENDED), at="10m", is_=1, given=given, every="60s", seconds=900)


@pytest.mark.parametrize(("at", "pace"), [("60s", 2.0), ("66s", None), ("150s", None), ("205s", None)])
def test_the_rate_of_a_live_process_that_is_gone_does_not_linger(tmp_path: Path, at: str, pace: float | None) -> None:
    given = [series(ERRORS, "0+2x60 _x200"), series(PULSE, "1x60 _x200")]
    holds(tmp_path, rate(semconv.ERRORS), at=at, is_=pace, given=given, every="1s", seconds=900)


def test_a_minutely_process_that_is_gone_lingers_for_no_more_than_its_window(tmp_path: Path) -> None:
    given = [series(ERRORS, "0+60x5 _x20"), series(PULSE, "1x5 _x20")]
    holds(tmp_path, rate(semconv.ERRORS), at="7m", is_=None, given=given, every="60s", seconds=900)

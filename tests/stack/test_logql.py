"""LogQL of the dashboards for Loki, by its own grammar (npm: @grafana/lezer-logql). Loki itself is not run here."""

from __future__ import annotations

import json
import subprocess

import pytest

from support.drawing import DRAW, absent
from support.panels import put_in, queries

WHY = absent()
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))


def complaints(*exprs: str) -> list[str | None]:
    done = subprocess.run(
        ["node", str(DRAW / "logql.mjs")],
        input=json.dumps(exprs),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: list[str | None] = json.loads(done.stdout)
    return found


def test_every_query_is_logql() -> None:
    asked = [one for one in queries("loki") if one.source == "loki"]
    assert len(asked) == 4
    found = complaints(*(put_in(one.expr, seconds=900) for one in asked))
    assert {one.where: said for one, said in zip(asked, found, strict=True) if said} == {}


def test_there_are_three_shapes_that_ran_in_the_real_program() -> None:
    """On 2026-11-23, against Loki 3.7.6: a new shape needs a look at one."""
    shapes = {one.expr for one in queries("loki") if one.source == "loki"}
    kinds = {"counted" if "count_over_time" in one else "told" if "line_format" in one else "records" for one in shapes}
    assert (len(shapes), kinds) == (3, {"counted", "told", "records"})


@pytest.mark.parametrize(
    "broken", ['{a="b" | json', "sum by (a count_over_time({}[5m]))", '{a="b"} | line_format', '{a="b"} | c=~']
)
def test_what_is_no_logql_is_found(broken: str) -> None:
    [said] = complaints(broken)
    assert said is not None

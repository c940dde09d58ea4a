"""The matrix of endings: each way a request can end, in both worlds, with exact spans, metrics and logs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from beastmode_otel import BeastModeError
from beastmode_otel.simulator import Simulator
from support.drivers import DRIVERS, QUESTION, Driver
from support.law import assert_law
from support.recorder import Recorder
from telemetry import expected
from telemetry.matrix import CELLS, TEXT, Cell

KEY = "sk-PLANTED-key-0123456789"
# Values that are a guess, or change with the clock: their series are compared, their numbers are not.
UNCERTAIN = ("beastmode.requests.oldest",)


def config_for(cell: Cell, simulator: Simulator) -> dict[str, Any]:
    names = sorted({*cell.behaviours, *cell.urls})
    for name, steps in cell.behaviours.items():
        simulator.define(name, *steps)
    urls = {name: cell.urls[name](simulator) if name in cell.urls else simulator.url(name) for name in names}
    deployments = {
        name: {"base_url": url, "model": "gpt-4o-mini", "provider": "openai", "api_key": KEY}
        for name, url in urls.items()
    }
    routes = {"chat": {"deployments": ["a"]}}
    if len(names) == 2:
        routes = {"pair": {"deployments": [{"name": "a", "order": 1}, {"name": "b", "order": 2}]}}
    return {"deployments": deployments, "routes": routes, **cell.config}


def play(cell: Cell, driver: Driver) -> Any:
    options: dict[str, Any] = {} if cell.timeout is None else {"timeout": cell.timeout}
    request = QUESTION if cell.request is None else cell.request
    return driver.act(cell.action, cell.model, request=request, **options)


@pytest.mark.parametrize("world", DRIVERS)
@pytest.mark.parametrize("name", CELLS)
def test_ending(name: str, world: str, simulator: Simulator, recorder: Recorder) -> None:
    """Spans, metrics and logs are exactly those of the specification, and the law of coverage holds."""
    cell = CELLS[name]
    config = config_for(cell, simulator)
    driver = DRIVERS[world](simulator, config, access=cell.access, **recorder.providers)
    for _ in range(cell.before):
        driver.act("route", cell.model)
    earlier = recorder.spans(), recorder.logs(), recorder.metrics()
    result = play(cell, driver)
    measured = recorder.metrics()
    driver.close()

    check_result(cell, result)
    check_spans(cell, recorder.spans()[len(earlier[0]) :], config)
    check_metrics(cell, without(measured, earlier[2]))
    check_logs(cell, recorder.logs()[len(earlier[1]) :])
    assert_law(recorder, simulator, calls=cell.before + 1)
    leaked = recorder.exported_text()
    assert "PLANTED" not in leaked
    assert TEXT not in leaked


def check_result(cell: Cell, result: Any) -> None:
    if cell.raises is None:
        assert not isinstance(result, BaseException), result
    else:
        assert isinstance(result, cell.raises), result
    if cell.outcome == "ok":
        answer = result[1] if cell.action == "read" else result
        assert (answer.text, answer.model, answer.deployment) == (TEXT, cell.model, cell.deployment)
        assert [a.outcome for a in answer.attempts] == [t.outcome for t in cell.tries]
    if isinstance(result, BeastModeError):
        assert result.category.name == cell.category
        assert len(result.attempts) == len(cell.tries)
        assert "hint: " in str(result)
        assert KEY not in repr(result) + str(result) + repr(result.__cause__) + repr(result.context)
        assert result.__context__ is None or result.__context__ is result.__cause__


def check_spans(cell: Cell, spans: list[Any], config: dict[str, Any]) -> None:
    route, *attempts = spans
    assert [span.name for span in spans] == [
        f"route {expected.label(cell.model)}",
        *["chat gpt-4o-mini"] * len(cell.tries),
    ]
    attributes = dict(route.attributes)
    hint = attributes.pop("beastmode.hint", None)
    estimated = any(attempt.tokens == "estimated" for attempt in cell.tries)
    if estimated:
        assert attributes.pop("beastmode.cost.usd") > 0
    assert_about(attributes, expected.route_span(cell))
    assert (hint is not None) == (cell.outcome == "error")
    assert route.status.status_code.name == ("ERROR" if cell.outcome == "error" else "UNSET")
    assert not route.events
    for number, (span, attempt) in enumerate(zip(attempts, cell.tries, strict=True), 1):
        assert span.parent.span_id == route.context.span_id
        assert span.kind.name == "CLIENT"
        assert span.status.status_code.name == ("ERROR" if attempt.outcome == "error" else "UNSET")
        parts = urlsplit(config["deployments"][attempt.deployment]["base_url"])
        port = parts.port or 80
        found = dict(span.attributes)
        if attempt.tokens == "estimated":
            assert found.pop("beastmode.usage.estimated") is True
            assert found.pop("gen_ai.usage.input_tokens") > 0
            assert found.pop("gen_ai.usage.output_tokens") > 0
            assert found.pop("beastmode.cost.usd") > 0
        if attempt.status == 200:
            # How much of the response came before it ended is up to the network, except when it came whole.
            for key in (
                "gen_ai.response.id",
                *({"gen_ai.response.model", "gen_ai.response.finish_reasons"} if attempt.tokens != "provider" else ()),
            ):
                found.pop(key, None)
        wanted = expected.attempt_span(cell, number, parts.hostname or "", port) | expected.response_attributes(attempt)
        assert_about(found, wanted)


def check_metrics(cell: Cell, measured: expected.Series) -> None:
    wanted = expected.metrics(cell, None)
    estimated = any(attempt.tokens == "estimated" for attempt in cell.tries)
    found = {name: dict(values) for name, values in measured.items() if name.startswith("beastmode.")}
    if estimated:
        tokens = found.pop("beastmode.tokens")
        kinds = {dict(key)["beastmode.token.type"] for key in tokens}
        assert {dict(key)["beastmode.token.source"] for key in tokens} == {"estimated"}
        assert kinds == {"input", "output"}
        assert sum(found.pop("beastmode.cost").values()) > 0
    for name in UNCERTAIN:
        assert found.pop(name).keys() == wanted.pop(name).keys()
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        assert found[name] == pytest.approx(values), name
    genai = sum(measured.get("gen_ai.client.operation.duration", {}).values())
    assert genai == len(cell.tries)
    counted = sum(measured.get("gen_ai.client.token.usage", {}).values())
    assert counted == 2 * sum(attempt.tokens == "provider" for attempt in cell.tries)
    first = sum(measured.get("gen_ai.client.operation.time_to_first_chunk", {}).values())
    assert first == sum(attempt.token_came for attempt in cell.tries)


def without(now: expected.Series, earlier: expected.Series) -> expected.Series:
    """What was added since; gauges as they are now, series that did not change left out."""
    gauges = ("beastmode.deployment.state", "beastmode.requests.active", "beastmode.requests.oldest")
    found: expected.Series = {}
    for name, values in now.items():
        before = earlier.get(name, {})
        changed = {
            key: value if name in gauges else value - before.get(key, 0)
            for key, value in values.items()
            if name in gauges or value != before.get(key)
        }
        if changed:
            found[name] = changed
    return found


def check_logs(cell: Cell, logs: list[Any]) -> None:
    if cell.outcome != "error":
        assert logs == []
        return
    (record,) = logs
    assert record.event_name == "beastmode.request.failed"
    assert record.severity_text == "ERROR"
    assert record.trace_id != 0
    attributes = dict(record.attributes)
    assert attributes["beastmode.model"] == expected.label(cell.model)
    assert attributes["error.type"] == cell.category
    assert attributes["beastmode.attempts"] == len(cell.tries)
    assert attributes["beastmode.hint"]
    assert attributes.get("beastmode.deployment") == cell.deployment
    assert "exception.message" not in attributes
    last = cell.tries[-1] if cell.tries else None
    assert attributes.get("http.response.status_code") == (last.status if last else None)
    assert ("beastmode.endpoint" in attributes) == (last is not None or cell.category == "circuit_open")


def test_every_cell_runs_in_both_worlds() -> None:
    """No cell is left out of one world."""
    assert set(DRIVERS) == {"sync", "async"}
    assert len(CELLS) >= 40


def assert_about(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Equal, but for the last digits of a price."""
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert found[key] == (pytest.approx(value) if isinstance(value, float) else value), key

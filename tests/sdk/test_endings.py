"""Each way a call can end, through each real SDK, in both worlds: exact spans, metrics, logs, and the law at rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

import beastmode_otel
from beastmode_otel.errors import CATEGORIES
from beastmode_otel.simulator import Behaviour, Simulator
from sdk import expected
from sdk.adapters import SDKS
from sdk.drivers import DRIVERS
from sdk.matrix import CELLS, DIALECTS, OTHERWISE, Cell, Try, cell_of
from sdk.plan import SECRETS
from support.law import assert_law
from support.recorder import Recorder

# What is left to the collector of garbage ends as cancelled where the SDK closes the response at once, by a generator
# that is finalised, and as abandoned where it does not or where the collector itself finds it. On a loop it is asyncio
# that decides when the SDK's generators are closed.
GARBAGE = ("cancelled", "abandoned")


@pytest.fixture(autouse=True)
def _hooked(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", "false")
    beastmode_otel.instrument(**recorder.providers)
    yield
    beastmode_otel.uninstrument()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # asyncio.run closes its loop before httpx's sockets
@pytest.mark.parametrize("world", DRIVERS)
@pytest.mark.parametrize(
    ("ending", "name"), [(ending, name) for ending in CELLS for name in SDKS if cell_of(ending, name) is not None]
)
def test_ending(ending: str, name: str, world: str, simulator: Simulator, recorder: Recorder) -> None:
    """Spans, metrics, logs and notes are those of the specification; nothing of prompt, answer or key is in them."""
    cell, sdk, dialect = cell_of(ending, name), SDKS[name], DIALECTS[name]
    assert cell is not None
    simulator.define("it", *(Behaviour(**_in_dialect(step, sdk.dialect)) for step in cell.steps))
    url = cell.url(simulator) if cell.url else simulator.url("it", path=sdk.v1)
    result = DRIVERS[world](sdk, simulator, url, cell.retries, cell.timeout).act(cell.action)
    measured, spans = recorder.metrics(), recorder.spans()

    assert len(spans) == len(cell.tries)
    check_result(cell, name, result)
    where = urlsplit(url)
    host, port = where.hostname or "", where.port or (443 if where.scheme == "https" else 80)
    outcomes = [outcome_of(attempt, span) for attempt, span in zip(cell.tries, spans, strict=True)]
    for number, (attempt, span, outcome) in enumerate(zip(cell.tries, spans, outcomes, strict=True), 1):
        check_span(attempt, span, expected.span(cell, number, sdk, dialect, host, port, outcome))
    deployment = expected.span(cell, 1, sdk, dialect, host, port, "")["beastmode.deployment"]
    check_metrics(cell, measured, expected.metrics(cell, sdk, dialect, deployment, outcomes))
    check_logs(cell, recorder.logs(), [expected.category(attempt, dialect) for attempt in cell.tries])
    assert_law(recorder, simulator, calls=len(cell.tries))
    check_secrets(recorder)


def _in_dialect(step: Any, dialect: str | None) -> dict[str, Any]:
    return {**step, "dialect": dialect}


def check_result(cell: Cell, name: str, result: Any) -> None:
    if not cell.raises:
        assert not isinstance(result, BaseException), result
    elif name not in cell.lets and "any" not in cell.lets:
        assert isinstance(result, BaseException)
    if cell.note:
        category = cell.tries[-1].category or ""
        notes = notes_of(result)
        assert any(note == f"beastmode_otel: {CATEGORIES[category].hint}" for note in notes), notes
        assert notes[0].startswith(f"beastmode_otel: {category} at http")
        assert not any(secret in note for note in notes for secret in SECRETS)


def notes_of(exc: BaseException | None) -> list[str]:
    """Those on an exception and on everything that caused it."""
    found: list[str] = []
    while exc is not None:
        found += getattr(exc, "__notes__", [])
        exc = exc.__cause__ or exc.__context__
    return found


def outcome_of(attempt: Try, span: Any) -> str:
    if attempt.outcome != "garbage":
        return attempt.outcome
    outcome: str = span.attributes["beastmode.outcome"]
    assert outcome in GARBAGE
    return outcome


def check_span(attempt: Try, span: Any, wanted: dict[str, Any]) -> None:
    assert (span.name, span.kind.name) == (
        f"{wanted['gen_ai.operation.name']} {wanted['gen_ai.request.model']}",
        "CLIENT",
    )
    assert span.status.status_code.name == ("ERROR" if attempt.outcome == "error" else "UNSET")
    found = dict(span.attributes)
    assert bool(found.pop("beastmode.hint", None)) == (attempt.outcome == "error")
    found.pop("gen_ai.response.id", None)
    if found.get("gen_ai.usage.cache_creation.input_tokens") == 0:  # where a provider says so
        del found["gen_ai.usage.cache_creation.input_tokens"]
    if attempt.tokens != "provider":  # how much came before it ended is up to the network
        partial = ["gen_ai.response.model", "gen_ai.response.finish_reasons", "beastmode.usage.estimated"]
        partial += [key for key in found if key.startswith("gen_ai.usage.")]
        said = {key: found.pop(key, None) for key in partial}
        if attempt.tokens == "estimated":
            assert said["beastmode.usage.estimated"] is True
            assert said["gen_ai.usage.input_tokens"] > 0
            assert said["gen_ai.usage.output_tokens"] > 1
    assert found == wanted


def check_metrics(cell: Cell, measured: expected.Series, wanted: expected.Series) -> None:
    found = {name: values for name, values in measured.items() if name.startswith("beastmode.")}
    exact = all(attempt.tokens == "provider" or attempt.outcome == "error" for attempt in cell.tries)
    exact = exact and not any(attempt.tokens == "estimated" for attempt in cell.tries)
    for name in ("beastmode.tokens", "beastmode.cost.unknown"):
        if not exact:
            wanted.pop(name, None)
            found.pop(name, None)
    if any(attempt.tokens == "estimated" for attempt in cell.tries):
        sources = {dict(key)["beastmode.token.source"] for key in measured["beastmode.tokens"]}
        assert sources == {"estimated"}
    oldest = "beastmode.requests.oldest"
    assert found.pop(oldest).keys() == wanted.pop(oldest).keys()
    assert found == wanted
    assert sum(measured["gen_ai.client.operation.duration"].values()) == len(cell.tries)
    if exact:
        counted = sum(measured.get("gen_ai.client.token.usage", {}).values())
        assert counted == 2 * sum(attempt.tokens == "provider" for attempt in cell.tries)


def check_logs(cell: Cell, logs: list[Any], categories: list[str | None]) -> None:
    wrong = [category for category in categories if category is not None]
    assert [log.event_name for log in logs] == ["beastmode.request.failed"] * len(wrong)
    for log, category in zip(logs, wrong, strict=True):
        attributes = dict(log.attributes)
        assert attributes["error.type"] == category
        assert attributes["beastmode.hint"]
        assert "exception.message" not in attributes
        assert log.trace_id != 0


def check_secrets(recorder: Recorder) -> None:
    text = recorder.exported_text()
    assert not any(secret in text for secret in SECRETS)


def test_every_cell_runs_through_every_sdk_in_both_worlds() -> None:
    """No cell is left out of one of them, but for two that need a request before anything is read."""
    assert set(DRIVERS) == {"sync", "async"}
    assert len(SDKS) == 7
    assert len(CELLS) >= 40
    assert {ending for ending, _ in OTHERWISE} <= set(CELLS)
    assert {ending for (ending, _), cell in OTHERWISE.items() if cell is None} == {"closed at once", "abandoned unread"}
    assert {name for _, name in OTHERWISE} == {name for name, sdk in SDKS.items() if sdk.lazy}

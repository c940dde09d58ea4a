"""`redact`: planted keys and prompts go into a real Collector and do not come out; what people need does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel import semconv
from support.otelcol import Collector, needs_collector
from support.otlp_backend import Backend, attributes, until
from support.otlp_messages import counter, log, logs, span, traces

pytestmark = needs_collector
PROMPT = "PLANTED the patient's name is Ada"
KEYS = {
    "openai": "sk-proj-PLANTED0123456789abcdef",
    "anthropic": "sk-ant-api03-PLANTED_0123456789-abc",
    "groq": "gsk_PLANTED0123456789abcdefghij",
    "aws": "AKIAPLANTED012345678",
    "google": "AIzaPLANTED0123456789_abcdefghijklmn",
    "bearer": "Bearer PLANTEDtoken.0123456789",
    "basic": "Basic PLANTEDFRDpQTEFOVEVEUExBTlRFRA==",
    "header": "x-api-key: PLANTED-0123",
    "json header": '{"x-api-key": "PLANTED-0123", "n": 1}',
    "escaped": '{\\"api_key\\": \\"PLANTED-0123\\"}',
    "query": "https://example.com/v1/models?key=PLANTED0123&alt=sse",
    "userinfo": "redis://user:PLANTED0123@cache:6379/0",
    "jwt": "eyJPLANTED12345.eyJPLANTED12345.PLANTED123",
    "grafana": "glsa_PLANTED0123456789",
    "dynatrace": "dt0c01.PLANTED0123456789ABCDEFG.PLANTED0123456789",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nPLANTED\nPLANTED==\n-----END RSA PRIVATE KEY-----",
}
CONTENT = [
    semconv.GENAI_INPUT_MESSAGES,
    semconv.GENAI_OUTPUT_MESSAGES,
    semconv.GENAI_SYSTEM_INSTRUCTIONS,
    semconv.EXCEPTION_MESSAGE.key,
    "exception.stacktrace",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.tool.definitions",
    "gen_ai.prompt",
    "gen_ai.prompt.0.content",
    "gen_ai.completion.0.content",
    "gen_ai.event.content",
    "gen_ai.content.prompt",
    "gen_ai.user.message",
    "input.value",
    "output.value",
    "message.content",
    "document.content",
    "embedding.text",
    "retrieval.documents",
    "tool.parameters",
    "langfuse.observation.input",
    "mlflow.spanInputs",
    "error.message",
    "llm.input_messages.0.message.content",
    "traceloop.entity.input",
    "prompt",
    "message",
    "http.request.header.authorization",
    "http.request.header.x-api-key",
    "http.request.body",
]
KEPT: dict[str, Any] = {
    semconv.GENAI_REQUEST_MODEL: "gpt-4o-mini",
    semconv.GENAI_PROVIDER: "openai",
    semconv.GENAI_INPUT_TOKENS: 1234567890123456,
    semconv.GENAI_REQUEST["output_type"]: "text",
    semconv.MODEL.key: "openai:gpt-4o-mini",
    semconv.OUTCOME.key: "error",
    semconv.ERROR_TYPE.key: "authentication_error",
    semconv.STATUS_CODE.key: 401,
    "url.full": "https://api.openai.com/v1/chat/completions",
    "http.request.body.size": 512,
    "gen_ai.prompt.name": "summarise",
    "gen_ai.request.max_tokens": 64,
    "a.flag": True,
    "a.share": 0.25,
}


@pytest.fixture(scope="module")
def arrived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A sink that has got everything that `_send` planted."""
    env = {"REDACT_KEEP_BODIES_OF": r"^(beastmode_otel|audit)"}
    with Backend() as sink:
        env["OTLP_BACKEND_ENDPOINT"] = sink.url
        names = ("gateway", "redact", "backend-otlp")
        with Collector(tmp_path_factory.mktemp("redact"), names, env) as collector:
            _send(collector)
            until(lambda: len(sink.spans()) >= 2 and len(sink.logs()) >= 6 and sink.metrics(), "everything arrives")
            yield sink


def _send(collector: Collector) -> None:
    planted = {f"text.{name}": f"it said {key} there" for name, key in KEYS.items()} | dict.fromkeys(CONTENT, PROMPT)
    nested = {
        semconv.GENAI_INPUT_MESSAGES: [{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}],
        "a.list": ["fine", KEYS["openai"]],
        "a.map": {"inner": KEYS["groq"]},
    }
    resource = {"process.command_line": f"serve --api-key={KEYS['openai']}", "service.version": "1.2.3"}
    spans = [
        span("chat gpt-4o-mini", KEPT | planted, error=PROMPT, event={"exception.type": "BadRequest"} | planted),
        span(f"GET /?key={KEYS['openai']}", nested, error=f"401: {KEYS['anthropic']}"),
    ]
    collector.send("traces", traces(spans, resource))
    ours = [
        log("openai:gpt-4o-mini: authentication_error at main", KEPT | planted, event=semconv.FAILED_EVENT),
        log(f"leaked {KEYS['openai']} here"),
        log({"kept": "a map", "prompt": PROMPT, "deep": {"x": KEYS["bearer"]}}),
    ]
    collector.send("logs", logs(ours, semconv.SCOPE, resource))
    collector.send("logs", logs([log("user 7 logged in")], "audit.users"))
    collector.send("logs", logs([log(f"asked: {PROMPT}"), log({"any": PROMPT})], "myapp.views"))
    collector.send("metrics", counter("calls", 3, {"beastmode.model": "m", "url": KEYS["query"]}, since=time.time_ns()))


def test_nothing_that_was_planted_arrives(arrived: Backend) -> None:
    at = arrived.raw.find(b"PLANTED")
    assert at < 0, arrived.raw[max(0, at - 80) : at + 40]


def test_without_redact_all_of_it_arrives(tmp_path: Path) -> None:
    """The test above can fail: the same data through the same Collector without the option."""
    with Backend() as sink:
        env = {"OTLP_BACKEND_ENDPOINT": sink.url}
        with Collector(tmp_path, ("gateway", "backend-otlp"), env) as collector:
            _send(collector)
            until(lambda: len(sink.spans()) >= 2 and len(sink.logs()) >= 6 and sink.metrics(), "everything arrives")
            raw = sink.raw
    assert [key for key in KEYS.values() if key.encode() not in raw] == []
    assert raw.count(PROMPT.encode()) > len(CONTENT) * 3


def test_attributes_that_people_need_arrive_with_their_types(arrived: Backend) -> None:
    [(resource, sent)] = [(r, s) for r, s in arrived.spans_by_resource() if s.name == "chat gpt-4o-mini"]
    found = attributes(sent.attributes)
    assert {key: found.get(key) for key in KEPT} == KEPT
    assert found["text.openai"] == "it said **** there"
    assert found[semconv.GENAI_INPUT_MESSAGES] == "****"
    assert set(found) == {*KEPT, *CONTENT, *(f"text.{name}" for name in KEYS)}, "nothing of the redaction's own is left"
    assert attributes(resource.attributes)["service.version"] == "1.2.3"
    assert attributes(resource.attributes)["process.command_line"] == "serve --****"


def test_exceptions_keep_their_type_and_lose_their_text(arrived: Backend) -> None:
    [sent] = [one for one in arrived.spans() if one.name == "chat gpt-4o-mini"]
    assert (sent.status.code, sent.status.message) == (sent.status.STATUS_CODE_ERROR, "")
    event = attributes(sent.events[0].attributes)
    assert event["exception.type"] == "BadRequest"
    assert event["exception.message"] == event["exception.stacktrace"] == "****"


def test_span_names_are_masked_too(arrived: Backend) -> None:
    assert sorted(one.name for one in arrived.spans()) == ["GET /****", "chat gpt-4o-mini"]


def test_bodies_are_kept_only_for_the_named_scopes(arrived: Backend) -> None:
    bodies = [one.body.string_value for one in arrived.logs() if one.body.HasField("string_value")]
    assert sorted(bodies) == sorted(
        [
            "openai:gpt-4o-mini: authentication_error at main",
            "leaked **** here",
            "user 7 logged in",
            "****",
            "****",
        ]
    )


def test_our_failure_record_stays_useful(arrived: Backend) -> None:
    [failed] = [one for one in arrived.logs() if one.event_name == semconv.FAILED_EVENT]
    found = attributes(failed.attributes)
    assert {key: found.get(key) for key in KEPT} == KEPT


def test_metric_attributes_are_masked(arrived: Backend) -> None:
    [metric] = arrived.metrics()
    [point] = metric.sum.data_points
    assert point.as_int == 3
    assert attributes(point.attributes) == {"beastmode.model": "m", "url": "https://example.com/v1/models****&alt=sse"}


def test_a_collector_that_keeps_no_bodies_by_default_keeps_ours(tmp_path: Path) -> None:
    with Backend() as sink:
        env = {"OTLP_BACKEND_ENDPOINT": sink.url}
        with Collector(tmp_path, ("gateway", "redact", "backend-otlp"), env) as collector:
            collector.send("logs", logs([log("m: rate_limited at main")], semconv.SCOPE))
            collector.send("logs", logs([log("user 7 logged in")], "audit.users"))
            until(lambda: len(sink.logs()) == 2, "both arrive")
            assert sorted(one.body.string_value for one in sink.logs()) == ["****", "m: rate_limited at main"]

"""Error bodies of eight kinds of server, and the categories they belong to."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from beastmode_otel.errors import CATEGORIES
from beastmode_otel.wire import ProviderError, categorise, error_in, identifier, never_fits, read_error


def read(status: int, body: Any, headers: dict[str, str] | None = None) -> ProviderError:
    return read_error(status, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode())


AZURE_FILTER = {
    "error": {
        "message": "The response was filtered",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation"},
    }
}
FASTAPI = {"detail": [{"type": "missing", "loc": ["body", "messages", 0], "msg": "Field required", "input": {}}]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (  # OpenAI
            {"error": {"message": "Bad n", "type": "invalid_request_error", "param": "n", "code": "bad_n"}},
            {"message": "Bad n", "type": "invalid_request_error", "param": "n", "code": "bad_n"},
        ),
        (  # Anthropic
            {"type": "error", "error": {"type": "not_found_error", "message": "model: x"}, "request_id": "req_1"},
            {"message": "model: x", "type": "not_found_error", "request_id": "req_1"},
        ),
        (AZURE_FILTER, {"message": "The response was filtered", "code": "content_filter", "param": "prompt"}),
        ({"statusCode": 401, "message": "Access denied"}, {"message": "Access denied", "code": "401"}),  # Azure gateway
        (  # vLLM: the code is a number
            {"error": {"message": "too long", "type": "BadRequestError", "param": None, "code": 400}},
            {"message": "too long", "type": "BadRequestError", "code": "400"},
        ),
        (  # vLLM, old
            {"object": "error", "message": "no", "type": "NotFoundError", "param": None, "code": 404},
            {"message": "no", "type": "NotFoundError", "code": "404"},
        ),
        ({"error": "model 'x' not found"}, {"message": "model 'x' not found"}),  # Ollama, native
        (  # Ollama, /v1
            {"error": {"message": "no", "type": "api_error", "param": None, "code": None}},
            {"message": "no", "type": "api_error"},
        ),
        ({"detail": "Not Found"}, {"message": "Not Found"}),  # FastAPI
        (FASTAPI, {"message": "Field required", "param": "body.messages.0"}),
        (  # Google
            [{"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}],
            {"message": "slow", "code": "429", "type": "RESOURCE_EXHAUSTED"},
        ),
        (  # Cloudflare
            {"success": False, "errors": [{"code": 7003, "message": "No route"}]},
            {"message": "No route", "code": "7003"},
        ),
        (b"<html><head><title>502 Bad &amp; Gateway</title></head></html>", {"message": "502 Bad & Gateway"}),
        (b"\n<!DOCTYPE html><p>hello", {"message": "an HTML page without a title"}),
        (b"upstream connect\n error", {"message": "upstream connect error"}),
        ({"unheard": "of"}, {"message": '{"unheard": "of"}'}),
        (b"", {}),
    ],
)
def test_every_known_shape_is_read(body: Any, expected: dict[str, str]) -> None:
    assert read(418, body) == ProviderError(status=418, **expected)


@pytest.mark.parametrize("name", ["x-request-id", "request-id", "apim-request-id", "x-ms-request-id"])
def test_the_request_id_of_a_header_wins(name: str) -> None:
    assert read(500, {"error": {}, "request_id": "body"}, {name: "head"}).request_id == "head"


def test_a_message_is_bounded_and_on_one_line() -> None:
    message = read(500, {"error": {"message": "a\n" * 10_000}}).message
    assert message is not None
    assert len(message) == 500
    assert message.endswith("a…")


def test_an_answer_is_no_error() -> None:
    assert error_in({"id": "x", "choices": [], "error": None}) is None
    assert error_in({"type": "message"}) is None
    assert error_in(None) is None


TOO_LONG = "This model's maximum context length is 8192 tokens."


@pytest.mark.parametrize(
    ("status", "error", "name"),
    [
        (400, {"message": "Bad n"}, "invalid_request"),
        (400, {"code": "context_length_exceeded"}, "context_length_exceeded"),
        (400, {"message": TOO_LONG, "code": 400}, "context_length_exceeded"),
        (400, {"message": "prompt is too long: 210000 tokens > 200000 maximum"}, "context_length_exceeded"),
        (400, {"message": "the request exceeds the available context size"}, "context_length_exceeded"),
        (400, AZURE_FILTER["error"], "content_filter"),
        (400, {"message": "Output blocked by content filtering policy"}, "content_filter"),
        (400, {"message": "Your credit balance is too low to access the Anthropic API."}, "quota_exhausted"),
        (400, {"message": "foo/bar is not a valid model ID"}, "model_not_found"),
        (401, {"code": "invalid_api_key"}, "authentication_error"),
        (402, {}, "quota_exhausted"),
        (403, {"code": "model_not_found", "message": "Project does not have access to model x"}, "permission_denied"),
        (404, {"code": "model_not_found"}, "model_not_found"),
        (404, {"type": "not_found_error", "message": "model: claude-0"}, "model_not_found"),
        (404, {"code": "DeploymentNotFound"}, "model_not_found"),
        (404, {"message": 'model "x" not found, try pulling it first'}, "model_not_found"),
        (404, {"message": "Invalid URL (GET /v1/models/chat)"}, "endpoint_not_found"),
        (404, {"message": "Not Found"}, "endpoint_not_found"),
        (405, {}, "invalid_request"),
        (408, {}, "request_timeout"),
        (409, {}, "conflict"),
        (413, {"type": "request_too_large"}, "payload_too_large"),
        (422, {"message": "Field required"}, "unprocessable"),
        (425, {}, "too_early"),
        (429, {"code": "rate_limit_exceeded"}, "rate_limited"),
        (429, {"code": "insufficient_quota"}, "quota_exhausted"),
        (500, {}, "server_error"),
        (501, {}, "not_supported"),
        (502, {}, "bad_gateway"),
        (503, {}, "unavailable"),
        (503, {"message": "Loading model"}, "overloaded"),
        (503, {"message": "Model mistral/7b is currently loading"}, "overloaded"),
        (504, {}, "gateway_timeout"),
        (520, {}, "bad_gateway"),
        (424, {}, "server_error"),
        (498, {}, "overloaded"),
        (524, {}, "gateway_timeout"),
        (529, {}, "overloaded"),
        (500, {"type": "overloaded_error"}, "overloaded"),
        (302, {}, "invalid_response"),
    ],
)
def test_a_status_and_the_providers_words_give_the_category(status: int, error: dict[str, Any], name: str) -> None:
    assert categorise(read(status, {"error": error})).name == name


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ({"type": "overloaded_error"}, "overloaded"),
        ({"type": "rate_limit_error"}, "rate_limited"),
        ({"type": "api_error"}, "server_error"),
        ({"type": "invalid_request_error"}, "invalid_request"),
        ({"type": "invalid_request_error", "message": TOO_LONG}, "context_length_exceeded"),
        ({"type": "authentication_error"}, "authentication_error"),
        ({"code": 502, "message": "Provider returned error"}, "bad_gateway"),
        ({"code": "content_filter"}, "content_filter"),
        ({"message": "what now"}, "server_error"),
    ],
)
def test_an_error_inside_a_stream_has_no_status_and_still_a_category(error: dict[str, Any], name: str) -> None:
    found = error_in({"error": error})
    assert found is not None
    assert categorise(found).name == name


def test_every_category_that_can_be_given_exists() -> None:
    """A misspelt name would silently become `_OTHER`."""
    from beastmode_otel.wire import categorise as module_function
    from beastmode_otel.wire import transport_errors

    tables = module_function.__globals__
    names = {*tables["_COARSE"].values(), *tables["_ALSO"]}
    names |= {name for kinds in ("_REJECTIONS", "_OF_THE_SERVER", "_FEATURES") for _, name in tables[kinds]}
    names |= {name for _, name in transport_errors._ROOTS}
    names |= {name for name, _ in transport_errors._BY_NAME.values()}
    assert names <= CATEGORIES.keys()


GEMINI = {
    "code": 429,
    "message": "You exceeded your current quota, please check your plan and billing details.",
    "status": "RESOURCE_EXHAUSTED",
    "details": [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "RequestsPerMinute-Free"}]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37.5s"},
    ],
}


def test_everything_that_names_an_error_is_found_wherever_it_stands() -> None:
    spend = {"type": "rate_limit_error", "message": "no", "details": {"error_code": "enforced_spend_limit_reached"}}
    assert "enforced_spend_limit_reached" in read(429, {"type": "error", "error": spend}).names
    assert "RequestsPerMinute-Free" in read(429, [{"error": GEMINI}]).names
    inner = {"error": {"code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}
    assert read(400, inner).names == ("content_filter", "ResponsibleAIPolicyViolation")
    assert read(400, {"id": "1", "error_type": "TOO_MANY_TOKENS", "message": "x"}).type == "TOO_MANY_TOKENS"
    budget = {"error": {"code": 402, "message": "x", "metadata": {"limit_source": "openrouter_in_flight_budget"}}}
    assert "openrouter_in_flight_budget" in read(402, budget).names


def test_aws_names_the_exception_in_a_header_alone() -> None:
    header = {"x-amzn-errortype": "ModelNotReadyException:http://internal.amazon.com/coral/com.amazon.bedrock/"}
    error = read(429, {"message": "Model is not ready for inference."}, header)
    assert (error.type, categorise(error).name) == ("ModelNotReadyException", "overloaded")
    assert read(429, {"message": "x"}, {"x-amzn-errortype": "a prompt, perhaps"}).type is None


@pytest.mark.parametrize(
    "body",
    [
        {
            "error": {
                "message": "Provider returned error",
                "code": 502,
                "metadata": {"raw": json.dumps({"error": GEMINI})},
            }
        },
        {"error": {"message": json.dumps({"error": GEMINI}), "code": 429, "status": "Too Many Requests"}},
        {"detail": json.dumps([{"error": GEMINI}])},
        {"error": json.dumps({"error": GEMINI})},
        {
            "error": {
                "message": f"litellm.RateLimitError: GeminiException - {json.dumps({'error': GEMINI})}",
                "code": 500,
            }
        },
    ],
)
def test_the_error_of_the_provider_behind_a_gateway_is_the_one_that_counts(body: dict[str, Any]) -> None:
    error = read(502, body)
    assert error.message is not None
    assert error.message.startswith("You exceeded your current quota")
    assert (error.status, error.behind, error.wait) == (502, 429, 37.5)
    assert categorise(error).name == "rate_limited"


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"error": GEMINI}, 37.5),
        ({"error": {"message": "x", "details": [{"retryDelay": {"seconds": 37, "nanos": 5}}]}}, 37.0),
        ({"detail": "Request was throttled.", "status": 429, "retry_after": 7}, 7.0),
        ({"error": "Model acme/x is currently loading", "estimated_time": 20.5}, 20.5),
        ({"error": {"message": "slow", "retry_after_ms": 1500}}, 1.5),
        ({"error": {"message": "Rate limit reached. Please try again in 2.5s. Visit the console."}}, 2.5),
        ({"error": {"message": "Please try again in 1m2.5s."}}, 62.5),
        ({"error": {"message": "PLEASE TRY AGAIN IN 120MS"}}, 0.12),
        ({"error": {"message": "Please retry in 37.82626638s."}}, 37.82626638),
        ({"error": {"message": "Please wait 5631 seconds before retrying."}}, 5631.0),
        ({"error": {"message": "request reached max RPM, please try again after 1 seconds"}}, 1.0),
        ({"error": {"message": "Please retry after 20 seconds."}}, 20.0),
        ({"detail": "Your rate limit resets in ~3s."}, 3.0),
        ({"error": {"message": "try again in 2 hours and 5 minutes"}}, 7500.0),
        ({"error": {"message": "Please try again later."}}, None),
        ({"error": {"message": "retry budget of 5 attempts is used up"}}, None),
        ({"error": {"message": "x", "retry_after": -3}}, None),
        ({"error": {"message": "x", "retry_after": "soon"}}, None),
        ({"error": {"message": "x", "retry_after": float("inf")}}, None),
        ({"error": {"message": "x", "retryDelay": "0s"}}, None),
    ],
)
def test_a_wait_told_in_the_body_is_read(body: Any, seconds: float | None) -> None:
    assert read(429, body).wait == pytest.approx(seconds)
    found = error_in(body if "error" in body else {"error": body})
    assert found is not None
    assert found.wait == pytest.approx(seconds)


TPM = "Request too large for model `x` in organization `o` on tokens per minute (TPM): Limit 6000, Requested {}, {}"


@pytest.mark.parametrize(
    ("message", "never"),
    [
        (TPM.format(14368, "please reduce your message size and try again."), True),
        (TPM.format("14,368", ""), True),
        (
            "Request too large for gpt-4o. The input or output tokens must be reduced in order to run successfully.",
            True,
        ),
        ("Rate limit reached on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Try again in 2s", False),
        ("Rate limit reached: Limit 3 / min. Please try again in 20s.", False),
        ("Too many requests", False),
    ],
)
def test_a_rate_that_no_wait_can_meet_is_known(message: str, never: bool) -> None:
    error = read(413, {"error": {"message": message, "code": "rate_limit_exceeded", "type": "tokens"}})
    assert (categorise(error).name, never_fits(error)) == ("rate_limited", never)


def test_one_code_means_another_thing_at_one_host() -> None:
    """DashScope says insufficient_quota of tokens per minute, OpenAI of the money."""
    error = read(429, {"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}})
    assert categorise(error).name == "quota_exhausted"
    assert categorise(error, host="dashscope-intl.aliyuncs.com").name == "rate_limited"


def test_a_hostile_body_costs_a_bounded_time() -> None:
    deep: Any = "credit balance is too low"
    for _ in range(500):
        deep = {"error": deep}
    wide = {"error": {"message": "context " * 50_000, "details": [{"reason": "x y"}] * 50_000}}
    began = time.perf_counter()
    for body in (deep, wide, {"error": {"message": '{"error": ' * 5_000}}):
        assert categorise(read(400, body)).name in CATEGORIES
    assert time.perf_counter() - began < 5.0


@pytest.mark.parametrize("word", ["insufficient_quota", "BadRequestError", "400", "a.b-c", "x" * 64])
def test_an_identifier_is_let_through(word: str) -> None:
    assert identifier(word) == word


@pytest.mark.parametrize("text", [None, "", "my secret prompt", "x" * 65, "code\n", "straße", "a/b"])
def test_anything_that_could_be_a_prompt_is_no_identifier(text: str | None) -> None:
    assert identifier(text) is None

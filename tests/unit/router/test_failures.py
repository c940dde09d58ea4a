"""From what went wrong to an error: its category, its facts, and no secret anywhere in it."""

from __future__ import annotations

import json
import pickle
import traceback
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel.attempts import failures
from beastmode_otel.attempts.failures import Failure
from beastmode_otel.errors import CATEGORIES, RedactedError, Redactor, UpstreamError, category
from beastmode_otel.wire import ProviderError, Reply, error_in

KEY = "wJalrXUtnFEMI-K7MDENG-planted"
PLACE = failures.Place(
    model_id="chat", deployment="main", endpoint="https://h/v1/chat/completions", redact=Redactor([KEY])
)


def answered(status: int, body: Any = None, **headers: str) -> Failure:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return failures.from_status(PLACE, status, named, raw)


def error_of(failure: Failure) -> UpstreamError:
    assert isinstance(failure.error, UpstreamError)
    return failure.error


def everything_shown(error: BaseException) -> str:
    pickled = pickle.dumps(error).decode("latin-1")
    return f"{error} {error!r} {''.join(traceback.format_exception(error))} {vars(error)} {pickled}"


OPENAI_ERROR = {"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}


def test_a_status_becomes_an_error_with_everything_that_is_known():
    error = error_of(answered(429, OPENAI_ERROR, retry_after="3", x_request_id="req_7"))
    assert error.message == "main: 429 Too Many Requests: Rate limit reached"
    assert (error.category.name, error.status_code, error.retry_after) == ("rate_limited", 429, 3.0)
    assert (error.provider_code, error.request_id) == ("rate_limit_exceeded", "req_7")
    assert (error.model, error.deployment, error.endpoint) == ("chat", "main", "https://h/v1/chat/completions")
    assert error.context.original == "Rate limit reached"
    assert error.hints == (CATEGORIES["rate_limited"].hint,)


@pytest.mark.parametrize(
    ("status", "name"),
    [(400, "invalid_request"), (401, "authentication_error"), (404, "endpoint_not_found"), (408, "request_timeout"),
     (418, "invalid_request"), (429, "rate_limited"), (500, "server_error"), (502, "bad_gateway"), (503, "unavailable"),
     (504, "gateway_timeout"), (529, "overloaded"), (599, "server_error"), (302, "invalid_response")],
)  # fmt: skip
def test_a_bare_status_has_its_category_and_that_categorys_retries(status: int, name: str):
    failure = answered(status)
    assert error_of(failure).category.name == name
    assert failure.retries == CATEGORIES[name].retries
    assert str(status) in error_of(failure).message


def test_what_the_provider_asks_for_is_in_the_verdict():
    failure = answered(503, x_should_retry="false", retry_after_ms="1500")
    assert (failure.asked, failure.retry_after) == (False, 1.5)
    assert (answered(503).asked, answered(503).retry_after) == (None, None)


def test_a_wait_in_the_body_counts_where_the_header_has_none():
    body = {"error": {"message": "Slow. Please try again in 2.5s.", "code": "rate_limit_exceeded"}}
    assert answered(429, body).retry_after == 2.5
    assert answered(429, body, retry_after="7").retry_after == 7.0
    assert error_of(answered(503, {"error": "loading", "estimated_time": 20.0})).retry_after == 20.0


@pytest.mark.parametrize(
    "error",
    [
        {"code": "insufficient_quota", "message": "Please retry in 37s."},
        {"code": "context_length_exceeded", "message": "Please retry in 37s."},
        {"code": "rate_limit_exceeded", "message": "Request too large: Limit 6000, Requested 7000. Try again in 37s."},
    ],
)
def test_a_wait_in_the_body_does_not_count_where_no_wait_helps(error: dict[str, Any]):
    failure = answered(429, {"error": error})
    assert (failure.retries, failure.retry_after) == (0, None)


def test_the_host_of_the_place_tells_two_meanings_apart():
    place = replace(PLACE, endpoint="https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions")
    body = b'{"error": {"code": "insufficient_quota", "message": "You exceeded your current quota."}}'
    assert failures.from_status(place, 429, {}, body).error.category.name == "rate_limited"
    assert failures.from_status(PLACE, 429, {}, body).error.category.name == "quota_exhausted"


def test_an_error_event_has_its_wait_too():
    said = error_in({"error": {"message": "slow", "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "2s"}]}})
    assert said is not None
    failure = failures.from_event(PLACE, said, 200)
    assert (error_of(failure).category.name, failure.retry_after) == ("rate_limited", 2.0)


def test_a_status_without_any_text_says_so():
    assert error_of(answered(500)).message == "main: 500 Internal Server Error: no error text"
    assert error_of(answered(599, b"")).message.startswith("main: 599: ")


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": f"Incorrect API key provided: {KEY}."}},
        {"error": {"message": f"{KEY}", "code": KEY, "type": KEY}},
        f"<html><title>bad header {KEY}</title></html>".encode(),
        f"plain text with {KEY}".encode(),
        {"detail": [{"msg": f"Bearer {KEY}"}]},
    ],
)
def test_a_provider_that_echoes_the_key_does_not_get_it_into_the_error(body: Any):
    assert KEY not in everything_shown(error_of(answered(401, body)))


def test_an_error_inside_a_200_shows_the_status_but_is_not_judged_by_it():
    said = ProviderError(type="overloaded_error", message="Overloaded")
    error = error_of(failures.from_event(PLACE, said, 200))
    assert (error.category.name, error.status_code) == ("overloaded", 200)
    assert error.message == "main: error inside the response: Overloaded"


# Exceptions of HTTP libraries.


def raised(exc: Exception) -> tuple[Failure, bool]:
    return failures.from_exception(PLACE, exc)


@pytest.mark.parametrize(
    ("exc", "name", "sent"),
    [
        (httpx.ConnectTimeout("slow"), "connect_timeout", False),
        (httpx.ReadTimeout("slow"), "read_timeout", True),
        (httpx.PoolTimeout("full"), "pool_timeout", False),
        (httpx.RemoteProtocolError("garbage"), "protocol_error", True),
        (RuntimeError("a bug of somebody"), "_OTHER", True),
    ],
)
def test_an_exception_has_its_category_and_says_whether_the_request_was_sent(exc: Exception, name: str, sent: bool):
    failure, was_sent = raised(exc)
    error = error_of(failure)
    assert (error.category.name, was_sent) == (name, sent)
    assert error.__cause__ is exc
    assert error.context.original == f"{type(exc).__name__}: {exc}"
    assert failure.retries == CATEGORIES[name].retries
    assert error.message == f"main: {name.strip('_').replace('_', ' ')} ({type(exc).__name__})"


def test_an_exception_without_a_text_is_told_by_its_name():
    assert error_of(raised(httpx.ReadTimeout(""))[0]).context.original == "ReadTimeout"


def test_a_category_that_is_handed_in_wins_with_its_own_retries():
    failure, _ = failures.from_exception(PLACE, httpx.ReadTimeout("slow"), category("total_timeout"))
    assert (error_of(failure).category.name, failure.retries) == ("total_timeout", 0)


@pytest.mark.parametrize(
    "exc",
    [
        httpx.LocalProtocolError(f"Illegal header value b'Bearer {KEY}\\n'"),
        httpx.ConnectError(f"proxy http://user:{KEY}@proxy:3128"),
        ValueError({"authorization": KEY}),
    ],
)
def test_a_library_that_prints_the_key_does_not_get_it_into_the_error(exc: Exception):
    error = error_of(raised(exc)[0])
    assert isinstance(error.__cause__, RedactedError)
    assert KEY not in everything_shown(error)


def test_a_key_deep_in_the_chain_is_not_shown_by_a_traceback():
    outer = httpx.ConnectError("failed")
    outer.__cause__ = ValueError(KEY)
    assert KEY not in everything_shown(error_of(raised(outer)[0]))


# Limits and bodies.


def test_a_limit_of_our_own_says_how_long_it_was():
    failure = failures.from_limit(PLACE, "first_token_timeout", 30.0)
    assert error_of(failure).message == "main: first token timeout after 30 s"
    assert (error_of(failure).category.name, failure.retries) == ("first_token_timeout", 0)
    assert error_of(failures.from_limit(PLACE, "total_timeout", 0.25)).message == "main: total timeout after 0.25 s"


@pytest.mark.parametrize(
    ("content_type", "heard", "name"),
    [
        ("text/event-stream", False, "stream_truncated"),
        ("text/event-stream; charset=utf-8", True, "stream_truncated"),
        ("text/plain", True, "stream_truncated"),
        ("text/html", False, "invalid_response"),
        (None, False, "invalid_response"),
    ],
)
def test_an_early_end_is_a_cut_stream_or_no_stream_at_all(content_type: str | None, heard: bool, name: str):
    headers = {} if content_type is None else {"content-type": content_type}
    error = error_of(failures.from_early_end(PLACE, 200, headers, heard))
    assert (error.category.name, error.status_code) == (name, 200)
    if name == "invalid_response":
        assert (content_type or "no content type") in error.message


def test_a_good_reply_has_nothing_wrong():
    assert failures.check_reply(PLACE, 200, {}, Reply(parsed=True, text="hi", empty=False)) is None


def test_a_reply_that_is_not_of_this_api_or_holds_an_error_has():
    web_page = failures.check_reply(PLACE, 200, {"content-type": "text/html"}, Reply(parsed=False))
    assert web_page is not None
    assert error_of(web_page).category.name == "invalid_response"
    assert "text/html" in error_of(web_page).message
    said = Reply(parsed=True, error=ProviderError(code="insufficient_quota", message="no money"))
    broke = failures.check_reply(PLACE, 200, {}, said)
    assert broke is not None
    assert (error_of(broke).category.name, error_of(broke).status_code) == ("quota_exhausted", 200)


def test_a_content_type_that_holds_a_key_is_redacted():
    failure = failures.check_reply(PLACE, 200, {"content-type": f"text/{KEY}"}, Reply(parsed=False))
    assert failure is not None
    assert KEY not in everything_shown(error_of(failure))


@given(st.integers(100, 999), st.dictionaries(st.text(max_size=8), st.text(max_size=8)), st.binary(max_size=60))
def test_any_response_becomes_an_error_of_the_closed_set(status: int, headers: dict[str, str], body: bytes):
    error = error_of(failures.from_status(PLACE, status, headers, body))
    assert error.category.name in CATEGORIES
    assert error.endpoint == PLACE.endpoint
    assert str(error)

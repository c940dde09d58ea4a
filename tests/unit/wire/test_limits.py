"""Headers about limits and waiting."""

from __future__ import annotations

import pytest

from beastmode_otel.wire import read_limits, retry_after, should_retry

NOON = 1763899200.0  # Sun, 23 Nov 2025 12:00:00 GMT


def test_both_vendors_headers_are_read_into_the_same_kinds() -> None:
    assert read_limits({"x-ratelimit-remaining-requests": "59", "x-ratelimit-remaining-tokens": "149984.0"}) == {
        "requests": 59.0,
        "tokens": 149984.0,
    }
    anthropic = {
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-remaining": "40000",
        "anthropic-ratelimit-output-tokens-remaining": "8000",
    }
    assert read_limits(anthropic) == {"requests": 49, "tokens": 0, "input_tokens": 40000, "output_tokens": 8000}


@pytest.mark.parametrize("value", ["", "many", "-1", "nan", "inf"])
def test_a_limit_that_makes_no_sense_is_not_said(value: str) -> None:
    assert read_limits({"x-ratelimit-remaining-tokens": value}) == {}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1.0),
        ({"retry-after": "Sun, 23 Nov 2025 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 23 Nov 2025 13:00:30 +0100"}, 30.0),
        ({"retry-after": "Sun, 23 Nov 2025 11:59:00 GMT"}, 0.0),
        ({"retry-after": "Sunday, 23-Nov-25 12:00:30 GMT"}, 30.0),
        ({"retry-after": "in a while"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_every_form_of_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOON) == seconds


def test_the_providers_word_on_retrying() -> None:
    assert should_retry({"x-should-retry": "true"}) is True
    assert should_retry({"x-should-retry": "False"}) is False
    assert should_retry({"x-should-retry": "maybe"}) is None
    assert should_retry({}) is None

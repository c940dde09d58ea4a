"""What a call may say of time: refused before anything is asked."""

from __future__ import annotations

import math
from typing import Any

import pytest

from beastmode_otel.config import Timeouts
from beastmode_otel.engine import Question, validate
from beastmode_otel.engine.cache_request import Options
from beastmode_otel.errors import RequestError

NO_SPANS = [0, -1, math.nan, -math.inf, 10**400, True, "60", [], {}]


def asked(**said: Any) -> Question:
    return Question(model_id="chat", body={}, stream=False, **said)


@pytest.mark.parametrize("seconds", NO_SPANS[:-1])
def test_a_timeout_is_a_number_of_seconds(seconds: Any) -> None:
    for timeout in (seconds, {"read": seconds}):
        with pytest.raises(RequestError, match="must be a number of seconds above 0"):
            validate.timeouts_of(asked(timeout=timeout), Timeouts())


@pytest.mark.parametrize("seconds", NO_SPANS)
def test_a_ttl_is_a_number_of_seconds(seconds: Any) -> None:
    with pytest.raises(RequestError, match="must be a number of seconds above 0"):
        validate.cache_options(asked(ttl=seconds))


@pytest.mark.parametrize("seconds", [0.001, 60, 86_400.0, math.inf])
def test_whatever_is_a_span_is_taken(seconds: float) -> None:
    assert validate.timeouts_of(asked(timeout=seconds), Timeouts()).total == seconds
    assert validate.cache_options(asked(ttl=seconds)).ttl == seconds


@pytest.mark.parametrize("seconds", [-1, math.nan, -math.inf, 10**400, True, "60", [], {}])
def test_a_max_age_is_a_number_of_seconds(seconds: Any) -> None:
    with pytest.raises(RequestError, match="max_age must be a number of seconds from 0"):
        validate.cache_options(asked(max_age=seconds))


@pytest.mark.parametrize("seconds", [0, 0.0, 0.001, 60, math.inf])
def test_whatever_is_an_age_is_taken(seconds: float) -> None:
    assert validate.cache_options(asked(max_age=seconds)).max_age == seconds


@pytest.mark.parametrize("said", [1, 0, "yes", None, []])
def test_no_store_is_a_switch(said: Any) -> None:
    with pytest.raises(RequestError, match="no_store must be True or False"):
        validate.cache_options(asked(no_store=said))


def test_a_ttl_may_be_a_function() -> None:
    assert validate.cache_options(asked(ttl=len, no_store=True)) == Options(ttl=len, no_store=True)

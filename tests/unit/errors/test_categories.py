"""The closed set of categories."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError

import pytest

from beastmode_otel.errors import CATEGORIES, OTHER, BeastModeError, Category, category

EVERY = pytest.mark.parametrize("name", CATEGORIES)


def test_the_set_is_closed_and_small_enough_to_be_a_metric_label():
    assert len(CATEGORIES) <= 48 + 1  # and _OTHER
    with pytest.raises(TypeError):
        CATEGORIES["new"] = OTHER  # type: ignore[index]


def test_no_two_rows_of_the_table_have_one_name():
    from beastmode_otel.errors import categories

    assert len(categories._TABLE) == len(CATEGORIES)


@EVERY
def test_a_name_is_a_plain_lower_case_word(name: str):
    assert CATEGORIES[name].name == name
    assert name == "_OTHER" or re.fullmatch(r"[a-z][a-z_]*[a-z]", name)


@EVERY
def test_a_hint_is_one_sentence_on_one_line_that_ends(name: str):
    hint = CATEGORIES[name].hint
    assert hint == hint.strip()
    assert 20 <= len(hint) <= 200
    assert hint.isprintable()
    assert hint.endswith(".")
    assert "  " not in hint


@EVERY
def test_the_numbers_make_sense(name: str):
    known = CATEGORIES[name]
    assert known.retries is None or known.retries >= 0
    assert known.rest >= 0


@EVERY
def test_retryable_means_that_the_same_request_may_succeed_later(name: str):
    known = CATEGORIES[name]
    assert BeastModeError("x", category=name).retryable is (known.retries != 0 or known.rest > 0)


def test_what_the_design_asks_for_is_there():
    ours = {"first_token_timeout", "total_timeout", "access_denied", "budget_exceeded", "local_rate_limited"}
    statuses = {"invalid_request", "server_error", "rate_limited", "authentication_error", "_OTHER"}
    assert ours | statuses <= set(CATEGORIES)
    assert "cancelled" not in CATEGORIES  # an outcome, never an error.type


def test_an_unknown_name_is_other():
    assert category("rate_limited").name == "rate_limited"
    for junk in ("", "cancelled", "a name that a provider made up", "RATE_LIMITED"):
        assert category(junk) is OTHER


def test_billing_and_limits_of_the_caller_never_trip_the_breaker_and_faults_of_the_provider_do():
    tripping = {name for name, known in CATEGORIES.items() if known.trips}
    assert {"server_error", "bad_gateway", "unavailable", "overloaded", "read_timeout", "connect_timeout"} <= tripping
    assert not tripping & {"invalid_request", "rate_limited", "quota_exhausted", "pool_timeout", "total_timeout"}


def test_a_category_is_a_frozen_value():
    with pytest.raises(FrozenInstanceError):
        OTHER.name = "else"  # type: ignore[misc]
    assert Category(name="x", hint="y") == Category(name="x", hint="y")


def test_the_flags_stand_where_they_mean_something():
    def with_flag(flag: str) -> set[str]:
        return {name for name, known in CATEGORIES.items() if getattr(known, flag)}

    assert with_flag("proves_nothing") == {"pool_timeout", "total_timeout", "invalid_header", "invalid_url", "_OTHER"}
    assert with_flag("phase") == {"connect_timeout", "read_timeout"}
    assert with_flag("silent") == {"read_timeout", "first_token_timeout"}
    assert with_flag("refused") == {
        *("invalid_request", "context_length_exceeded", "content_filter", "payload_too_large", "unprocessable")
    }
    assert with_flag("cut") == {"connection_reset", "protocol_error"}
    assert (with_flag("callers_own"), with_flag("all_rest")) == ({"total_timeout"}, {"circuit_open"})
    # Who refuses a request is well.
    assert not any(known.refused and (known.trips or known.retries != 0) for known in CATEGORIES.values())
    # What counts against a deployment's health proves something.
    assert not any(known.trips and known.proves_nothing for known in CATEGORIES.values())

"""The tree of errors: what can be caught, what is printed, what survives a pickle."""

from __future__ import annotations

import copy
import pickle

import pytest

import beastmode_otel
from beastmode_otel.errors import (
    CATEGORIES,
    AccessDenied,
    AttemptRecord,
    BeastModeError,
    Category,
    ConfigError,
    Context,
    RequestError,
    UpstreamError,
)

CLASSES = (BeastModeError, ConfigError, RequestError, AccessDenied, UpstreamError)
EVERY = pytest.mark.parametrize("kind", CLASSES)

FULL = Context(
    model="custom:chat",
    deployment="main",
    endpoint="https://api.example.com/v1/chat/completions",
    status=429,
    provider_code="rate_limit_exceeded",
    request_id="req_1",
    retry_after=1.5,
    original="HTTPStatusError: too many",
    attempts=(
        AttemptRecord(deployment="main", outcome="error", category="rate_limited", status=429, sent=True, duration=0.2),
        AttemptRecord(deployment="spare", outcome="cancelled"),
    ),
)


@EVERY
def test_every_error_is_caught_by_the_base_class(kind: type[BeastModeError]):
    assert issubclass(kind, BeastModeError)
    assert not issubclass(BeastModeError, ValueError)


def test_the_tree_is_as_flat_as_it_is_drawn():
    assert set(BeastModeError.__subclasses__()) == set(CLASSES) - {BeastModeError}


def test_the_builtin_that_people_expect_catches_them_too():
    assert issubclass(ConfigError, ValueError)
    assert issubclass(AccessDenied, PermissionError)


@EVERY
def test_it_is_public(kind: type[BeastModeError]):
    assert getattr(beastmode_otel, kind.__name__) is kind


@EVERY
def test_the_message_is_first_and_the_hints_follow_on_lines_of_their_own(kind: type[BeastModeError]):
    error = kind("it broke", hints=("do this", "or that"))
    first, *rest = str(error).splitlines()
    assert first.startswith("it broke")
    assert rest == ["  hint: do this", "  hint: or that"]
    assert error.message == "it broke"
    assert error.args == ("it broke",)


def test_where_it_happened_is_printed_without_what_is_not_known():
    shown = str(UpstreamError("it broke", category="rate_limited", context=FULL))
    assert shown.splitlines() == [
        "it broke [rate_limited: model=custom:chat, deployment=main, "
        "endpoint=https://api.example.com/v1/chat/completions, status=429, provider_code=rate_limit_exceeded, "
        "request_id=req_1, retry_after=1.5, original=HTTPStatusError: too many, attempts=2]",
        f"  hint: {CATEGORIES['rate_limited'].hint}",
    ]
    assert str(RequestError("no", hints=("x",))).splitlines()[0] == "no [invalid_request]"


@pytest.mark.parametrize("name", CATEGORIES)
def test_the_hint_of_the_category_is_the_default_one(name: str):
    assert UpstreamError("x", category=name).hints == (CATEGORIES[name].hint,)


def test_a_configuration_error_shows_no_category_and_has_no_hint_of_its_own():
    assert str(ConfigError("timeouts.total: must be above 0")) == "timeouts.total: must be above 0"
    assert ConfigError("x").hints == ()


def test_default_categories():
    assert [kind("x").category.name for kind in CLASSES] == [
        "_OTHER",
        "_OTHER",
        "invalid_request",
        "access_denied",
        "_OTHER",
    ]


def test_a_category_is_given_by_name_or_as_a_value_and_an_unknown_name_is_other():
    assert UpstreamError("x", category="overloaded").category is CATEGORIES["overloaded"]
    own = Category(name="own", hint="do this")
    assert UpstreamError("x", category=own).category is own
    assert UpstreamError("x", category="made up").category.name == "_OTHER"


def test_the_facts_can_be_read_from_the_error_itself():
    error = UpstreamError("x", context=FULL)
    assert (error.model, error.deployment, error.endpoint) == (FULL.model, FULL.deployment, FULL.endpoint)
    assert (error.status_code, error.provider_code, error.request_id) == (429, "rate_limit_exceeded", "req_1")
    assert (error.retry_after, error.attempts) == (1.5, FULL.attempts)


@EVERY
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_survives_a_pickle_with_every_attempt(kind: type[BeastModeError], protocol: int):
    error = kind("it broke", category="rate_limited", context=FULL, hints=("do this",))
    back = pickle.loads(pickle.dumps(error, protocol))
    assert type(back) is kind
    assert (back.message, back.category, back.context, back.hints) == (
        error.message,
        error.category,
        error.context,
        error.hints,
    )
    assert str(back) == str(error)
    assert back.attempts[0].duration == 0.2


@EVERY
def test_it_survives_a_pickle_with_nothing_but_a_message_and_a_copy(kind: type[BeastModeError]):
    error = kind("it broke")
    error.__cause__ = OSError("not picklable on purpose is not needed: the cause stays behind")
    for back in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (type(back), str(back)) == (kind, str(error))


@EVERY
def test_it_can_be_raised_from_another_and_caught(kind: type[BeastModeError]):
    cause = OSError("the root")
    with pytest.raises(BeastModeError) as caught:
        raise kind("it broke") from cause
    assert caught.value.__cause__ is cause


def test_an_attempt_record_says_nothing_by_default():
    record = AttemptRecord(deployment="main", outcome="ok")
    assert (record.category, record.status, record.sent, record.duration) == (None, None, False, 0.0)


def test_a_request_that_we_refuse_does_not_blame_a_provider():
    assert RequestError("no").hints == ("No provider was asked: correct the argument that the message names.",)
    assert "provider rejects" in UpstreamError("no", category="invalid_request").hints[0]
    assert RequestError("no", category="unknown_model").hints[0].startswith("No route has this name")

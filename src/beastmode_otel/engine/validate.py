"""From an unchecked question to a call: everything that can be refused without asking a provider."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from beastmode_otel.config.settings import Config, Timeouts
from beastmode_otel.engine.answer import AccessRequest, AccessRule, Question
from beastmode_otel.engine.cache_request import USES, Options
from beastmode_otel.errors import AccessDenied, Context, RequestError

_LIMITS = tuple(f.name for f in fields(Timeouts))
_USUAL = Options()
_LONGEST = 1e12
_TOLD = 20
_log = logging.getLogger("beastmode_otel")


def check(question: Question, config: Config) -> Timeouts:
    """The timeouts of a request that makes sense. Raises RequestError with category invalid_request."""
    if not isinstance(question.model_id, str) or not question.model_id:
        raise _invalid(question, f"model_id must be a non-empty string, not {question.model_id!r:.80}")
    if not isinstance(question.body, Mapping):
        raise _invalid(
            question,
            f"request must be a mapping, not {type(question.body).__name__}",
            'pass the provider\'s body: {"messages": [{"role": "user", "content": "…"}]}',
        )
    if question.body.get("stream") and not question.stream:
        raise _invalid(question, "route() returns whole answers, but the request says stream", "call stream() instead")
    if question.tenant is not None and (not isinstance(question.tenant, str) or not question.tenant.strip()):
        raise _invalid(question, "tenant must not be empty", "pass a tenant's id, or None for the router's own")
    if question.labels is not None and not isinstance(question.labels, Mapping):
        raise _invalid(question, f"labels must be a mapping, not {type(question.labels).__name__}")
    return timeouts_of(question, config.timeouts)


class DeclaredLabels:
    """The allow-list of a router. What a call says besides is telemetry that nobody asked for, and fails no call."""

    def __init__(self, declared: Sequence[str]) -> None:
        self._declared = frozenset(declared)
        self._told: set[object] = set()

    def of(self, given: object) -> dict[str, str]:
        """Those that count. The others are told of once each, the first few of them. None is a label that is not set.

        What is no mapping has none; `check` refuses it.
        """
        if not given or not isinstance(given, Mapping):
            return {}
        found: dict[str, str] = {}
        for label, value in given.items():
            if label not in self._declared:
                self._tell(label, "is not configured", f'labels = ["{label}"] in the configuration declares it')
            elif isinstance(value, str):
                found[label] = value
            elif value is not None:
                self._tell(label, f"must be a string, not {type(value).__name__}", "it is left out until it is one")
        return found

    def _tell(self, label: object, problem: str, hint: str) -> None:
        if label not in self._told and len(self._told) < _TOLD:
            self._told.add(label)
            _log.warning("the label %.80r %s: it is not counted, the call goes on (%.160s)", label, problem, hint)


def timeouts_of(question: Question, defaults: Timeouts) -> Timeouts:
    given = question.timeout
    if given is None or isinstance(given, Timeouts):
        return given or defaults
    changes: Mapping[str, Any] = given if isinstance(given, Mapping) else {"total": given}
    for name, seconds in changes.items():
        if name not in _LIMITS:
            raise _invalid(question, f"timeout has no {name!r}", f"known: {', '.join(_LIMITS)}")
        if not _is_span(seconds):
            raise _invalid(question, f"timeout {name} must be a number of seconds above 0, not {seconds!r:.40}")
    return replace(defaults, **changes)


def _is_span(seconds: object) -> bool:
    """Whether it can be a number of seconds. An int may be beyond every float."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return False
    return 0 < seconds <= _LONGEST or seconds == math.inf


def _is_zero(seconds: object) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds == 0


def cache_options(question: Question) -> Options:
    """What the call says about the cache. Raises RequestError with category invalid_request."""
    said = question
    if said.cache == "on" and said.ttl is said.max_age is None and said.no_store is False and said.tags == ():
        return _USUAL
    if question.cache not in USES:
        raise _invalid(question, f"cache is {question.cache!r:.40}", f"use one of {', '.join(USES)}")
    ttl = question.ttl
    if ttl is not None and not callable(ttl) and not _is_span(ttl):
        raise _invalid(
            question,
            f"ttl must be a number of seconds above 0, not {ttl!r:.40}",
            "or a function of the answer; use no_store=True for none",
        )
    max_age = question.max_age
    if max_age is not None and not (_is_span(max_age) or _is_zero(max_age)):
        raise _invalid(question, f"max_age must be a number of seconds from 0, not {max_age!r:.40}")
    if not isinstance(question.no_store, bool):
        raise _invalid(question, f"no_store must be True or False, not {question.no_store!r:.40}")
    tags = question.tags
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) and tag for tag in tags):
        raise _invalid(question, "tags must be a list of non-empty strings")
    return Options(use=question.cache, ttl=ttl, max_age=max_age, no_store=question.no_store, tags=tuple(tags))


def allow(question: Question, rule: AccessRule | None, tenant: str | None) -> None:
    """Raises AccessDenied when the rule refuses. A rule that raises refuses: who cannot decide must not let through."""
    if rule is None:
        return
    access = AccessRequest(
        model=question.model_id, user_id=question.user_id, tenant=tenant, labels=dict(question.labels or {})
    )
    try:
        verdict = rule(access)
    except Exception as exc:
        raise _denied(question, f"the access rule failed ({type(exc).__name__}), which refuses") from exc
    if verdict is not True:
        raise _denied(question, verdict if isinstance(verdict, str) and verdict else "the access rule refuses")


def _denied(question: Question, reason: str) -> AccessDenied:
    return AccessDenied(f"{question.model_id}: {reason}", context=Context(model=question.model_id))


def _invalid(question: Question, problem: str, *hints: str) -> RequestError:
    model = question.model_id if isinstance(question.model_id, str) else None
    return RequestError(problem, category="invalid_request", context=Context(model=model), hints=hints)

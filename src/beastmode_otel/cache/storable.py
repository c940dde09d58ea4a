"""What may be looked up and what may be stored: decisions without I/O, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from beastmode_otel.record import record
from beastmode_otel.wire import UNKNOWN, Format, Reply, format_named

if TYPE_CHECKING:
    from beastmode_otel.cache.key import KeyTarget

StorableReason = Literal[
    "ok",
    "unknown_api",  # we cannot tell a whole answer from half of one
    "stateful",  # the answer depends on more than the request, or leaves something behind at the provider
    "no_store",  # the caller or the provider forbids it
    "not_canonical",  # the request has no key
    "error",
    "not_parsed",
    "refused",
    "filtered",
    "truncated",
    "unfinished",  # no finish reason, or one that we do not know to be an end
    "broken_call",  # a tool is called with arguments that are no JSON object
    "broken_event",  # a part of the stream was no JSON: it reads whole, and nobody knows what was in that part
    "empty",
    "too_large",
    "unreadable",  # its body or its login is not where we can read it
    "other_model",  # a fallback's answer
]

MAX_BODY: Final = 1024 * 1024


@record(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether, and why not."""

    reason: StorableReason

    @property
    def ok(self) -> bool:
        return self.reason == "ok"


OK: Final = Verdict(reason="ok")
NOT_CANONICAL: Final = Verdict(reason="not_canonical")  # for whoever derives the key, and cannot


def may_lookup(body: Mapping[str, Any], *, api: str, headers: Mapping[str, str] | None = None) -> Verdict:
    """Whether a request may be answered from the cache, and its answer stored. headers: the request's, any case.

    Temperature is no obstacle, nor is n > 1: an exact hit repeats an answer that this very request was given.
    """
    form = format_named(api)
    if form is UNKNOWN:
        return Verdict(reason="unknown_api")
    if form.is_stateful(body):
        return Verdict(reason="stateful")
    return Verdict(reason="no_store") if headers and _says_no_store(headers) else OK


def may_store(
    reply: Reply,
    *,
    api: str,
    asked: Verdict,
    status: int,
    size: int,
    answered: KeyTarget,
    targets: Iterable[KeyTarget],
    headers: Mapping[str, str] | None = None,
    max_body: int = MAX_BODY,
) -> Verdict:
    """Whether an answer may be stored; a stream's only once its terminal event was seen.

    api: the wire format that answered. asked: what `may_lookup` said of the request. status, headers: the response's.
    size: bytes of its body. answered: the deployment that answered; targets: those that the key names. Provider and
    model must be among them; what the answer calls its model (`gpt-4o-mini-2024-07-18`) is not compared, nor are
    addresses.
    """
    if not asked.ok:
        return asked
    reason = _fault(reply, status) or _ending(reply, format_named(api)) or ("empty" if reply.empty else "ok")
    if reason == "ok" and size > max_body:
        reason = "too_large"
    if reason == "ok" and headers and _says_no_store(headers):
        reason = "no_store"
    if reason == "ok" and (answered.provider, answered.model) not in {(one.provider, one.model) for one in targets}:
        reason = "other_model"
    return Verdict(reason=reason)


def _fault(reply: Reply, status: int) -> StorableReason | None:
    if not 200 <= status < 300 or reply.error is not None:
        return "error"
    if not reply.parsed:
        return "not_parsed"
    if reply.broken_events:
        return "broken_event"
    return "refused" if reply.refusal is not None else None


def _ending(reply: Reply, form: Format) -> StorableReason | None:
    """Why some choice has not come to its end, or has come to one that nobody can use; None when all are well."""
    if reply.whole:
        return None
    for reason in reply.finish_reasons:
        end = form.ends.get(reason)
        if end != "whole":
            return end or "unfinished"
    if len(reply.finish_reasons) < reply.choices:
        return "unfinished"
    return "broken_call" if reply.broken_calls else None


def _says_no_store(headers: Mapping[str, str]) -> bool:
    return any(
        "no-store" in [directive.strip() for directive in value.lower().split(",")]
        for name, value in headers.items()
        if name.lower() == "cache-control"
    )

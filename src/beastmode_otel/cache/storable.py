"""What may be looked up and what may be stored: decisions without I/O, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from beastmode_otel.cache.key import Target
from beastmode_otel.record import record
from beastmode_otel.wire import FORMATS, UNKNOWN, Reply

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
    "empty",
    "too_large",
    "unreadable",  # its body or its login is not where we can read it
    "other_model",  # a fallback's answer
]

MAX_BODY: Final = 1024 * 1024

_ENDS: Final = frozenset({"stop", "end_turn", "stop_sequence", "tool_calls", "tool_use"})
_OTHER_ENDS: Final[Mapping[str, StorableReason]] = {
    "length": "truncated",
    "max_tokens": "truncated",
    "model_length": "truncated",
    "model_context_window_exceeded": "truncated",
    "content_filter": "filtered",
    "refusal": "refused",
}
_SWITCHES: Final = ("store", "background")  # false means no
# Presence is enough, since `web_search_options: {}` searches. `audio` is an answer that later requests refer to by an
# id which expires; data_sources is Azure's, search_parameters xAI's, plugins OpenRouter's way to search.
_STATEFUL: Final = (
    *("previous_response_id", "conversation", "container", "mcp_servers", "audio"),
    *("web_search_options", "search_parameters", "plugins", "data_sources", "agent_id"),
)
_TELLING: Final = frozenset({*_SWITCHES, *_STATEFUL, "tools", "prompt", "input"})
_STORES_BY_ITSELF: Final = frozenset({"openai.responses"})  # the provider keeps the answer unless `store` is false
_CLIENT_TOOLS: Final = (None, "function", "custom")  # every other kind runs at the provider, or on a computer's state


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
    if api not in FORMATS or api == UNKNOWN.api:
        return Verdict(reason="unknown_api")
    if _is_stateful(body) or (api in _STORES_BY_ITSELF and body.get("store") is not False):
        return Verdict(reason="stateful")
    return Verdict(reason="no_store") if headers and _says_no_store(headers) else OK


def may_store(
    reply: Reply,
    *,
    asked: Verdict,
    status: int,
    size: int,
    answered: Target,
    targets: Iterable[Target],
    headers: Mapping[str, str] | None = None,
    max_body: int = MAX_BODY,
) -> Verdict:
    """Whether an answer may be stored; a stream's only once its terminal event was seen.

    asked: what `may_lookup` said of the request. status, headers: the response's. size: bytes of its body. answered:
    the deployment that answered; targets: those that the key names. Provider and model must be among them; what the
    answer calls its model (`gpt-4o-mini-2024-07-18`) is not compared, nor are addresses.
    """
    if not asked.ok:
        return asked
    reason = _fault(reply, status) or _ending(reply) or ("empty" if reply.empty else "ok")
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
    return "refused" if reply.refusal is not None else None


def _ending(reply: Reply) -> StorableReason | None:
    """Why some choice has not come to its end; None when all have."""
    if reply.whole:
        return None
    for reason in reply.finish_reasons:
        if reason not in _ENDS:
            return _OTHER_ENDS.get(reason, "unfinished")
    return None if len(reply.finish_reasons) >= _choices(reply.body) else "unfinished"


def _choices(body: Any) -> int:
    choices = body.get("choices") if isinstance(body, Mapping) else None
    return max(1, len(choices)) if isinstance(choices, list) else 1


def _is_stateful(body: Mapping[str, Any]) -> bool:
    if _TELLING.isdisjoint(body):
        return False
    if any(body.get(name) not in (None, False) for name in _SWITCHES):
        return True
    if any(body.get(name) is not None for name in _STATEFUL) or _has_server_tool(body.get("tools")):
        return True
    # A template that is kept at the provider, and items of earlier answers by their id.
    return isinstance(body.get("prompt"), Mapping) or _refers_back(body.get("input"))


def _refers_back(given: Any) -> bool:
    items = given if isinstance(given, list | tuple) else ()
    return any(isinstance(item, Mapping) and item.get("type") == "item_reference" for item in items)


def _has_server_tool(tools: Any) -> bool:
    if tools is None:
        return False
    if not isinstance(tools, list | tuple):
        return True  # no shape that we know
    return any(not isinstance(tool, Mapping) or tool.get("type") not in _CLIENT_TOOLS for tool in tools)


def _says_no_store(headers: Mapping[str, str]) -> bool:
    return any(
        "no-store" in [directive.strip() for directive in value.lower().split(",")]
        for name, value in headers.items()
        if name.lower() == "cache-control"
    )

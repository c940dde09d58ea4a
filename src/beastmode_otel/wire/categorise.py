"""Which category a provider's error belongs to: by its code and type, by its status, and by its words where it must be.

Words decide only where a status has several meanings: 400 (the prompt is too long, filtered, or plainly wrong), 404
(no such model, or no such path), 429 (rate, or money), 503 (overloaded, or gone).
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from beastmode_otel.errors import Category, category
from beastmode_otel.wire.facts import ProviderError

_STATUS: Final = MappingProxyType(
    {
        401: "authentication_error",
        402: "quota_exhausted",
        403: "permission_denied",
        404: "endpoint_not_found",
        408: "request_timeout",
        409: "conflict",
        413: "payload_too_large",
        422: "unprocessable",
        425: "too_early",
        429: "rate_limited",
        502: "bad_gateway",
        503: "unavailable",
        504: "gateway_timeout",
        529: "overloaded",
    }
)

# Names precise enough to outrank the status that they come with.
_PRECISE: Final = MappingProxyType(
    {
        name: category_name
        for category_name, names in {
            "quota_exhausted": "insufficient_quota billing_error billing_hard_limit_reached billing_not_active "
            "insufficient_credits insufficient_balance",
            "overloaded": "overloaded_error overloaded engine_overloaded engine_overloaded_error model_overloaded "
            "slow_down",
            "content_filter": "content_filter content_filtered content_policy_violation content_filter_error "
            "responsibleaipolicyviolation data_inspection_failed",
            "context_length_exceeded": "context_length_exceeded context_window_exceeded exceed_context_size_error "
            "model_context_window_exceeded",
            "model_not_found": "model_not_found deploymentnotfound invalid_model",
        }.items()
        for name in names.split()
    }
)

# Names that say no more than a status does: they count where there is no status, in the middle of a stream.
_COARSE: Final = MappingProxyType(
    {
        "authentication_error": "authentication_error",
        "invalid_api_key": "authentication_error",
        "permission_error": "permission_denied",
        "permission_denied": "permission_denied",
        "not_found_error": "endpoint_not_found",
        "rate_limit_error": "rate_limited",
        "rate_limit_exceeded": "rate_limited",
        "too_many_requests": "rate_limited",
        "resource_exhausted": "rate_limited",
        "request_too_large": "payload_too_large",
        "timeout_error": "gateway_timeout",
        "unavailable": "unavailable",
        "service_unavailable": "unavailable",
        "invalid_request_error": "invalid_request",
        "invalid_argument": "invalid_request",
        "badrequesterror": "invalid_request",
        "invalid_response": "invalid_response",
    }
)

_TOO_LONG: Final = re.compile(
    r"context[ _](?:length|window|size|limit)|prompt is too long|maximum prompt length|input is too long"
    r"|input token count .{0,40}exceeds|reduce the length of the messages"
    r"|must have less than \d+ tokens|max_new_tokens",
    re.IGNORECASE,
)
_FILTERED: Final = re.compile(r"content (?:filter|management policy|policy violation)|safety system", re.IGNORECASE)
_NO_MONEY: Final = re.compile(r"credit balance is too low|insufficient (?:credits|balance|funds|quota)", re.IGNORECASE)
_OVERLOADED: Final = re.compile(r"overloaded|loading model|model .{0,200}\bloading", re.IGNORECASE)
_NO_MODEL: Final = re.compile(r"(?<![/\w])(?:models?|deployments?)(?![/\w])", re.IGNORECASE)
_BAD_MODEL: Final = re.compile(
    r"not a valid model|(?:invalid|unknown|no such) model|model .{0,200}(?:not found|does not exist)",
    re.IGNORECASE,
)


def categorise(error: ProviderError) -> Category:
    """The category of an error that a provider sent. Without a status the names decide, else it is a `server_error`."""
    names = [name.lower() for name in (error.code, error.type) if name]
    status = _status(error)
    found = _precise(names, status) or _worded(status, error.message or "")
    if found is None and status is None:
        found = next((_COARSE[name] for name in names if name in _COARSE), None)
    return category(found or _by_status(status, names))


def _status(error: ProviderError) -> int | None:
    """The status of the response, or the one that an error inside a 200 names as its code."""
    if error.status is not None and error.status >= 300:
        return error.status
    code = error.code or ""
    return int(code) if re.fullmatch(r"[45][0-9][0-9]", code) else None


def _precise(names: list[str], status: int | None) -> str | None:
    found = next((_PRECISE[name] for name in names if name in _PRECISE), None)
    # OpenAI writes model_not_found into a 403 too: there the model exists and the key may not use it.
    return None if status in (401, 403) and found == "model_not_found" else found


def _worded(status: int | None, message: str) -> str | None:
    if status in (400, 413, 422, None):
        return _worded_rejection(message)
    if status == 404:
        return "model_not_found" if _NO_MODEL.search(message) else None
    if status == 429 and _NO_MONEY.search(message):
        return "quota_exhausted"
    if status == 503 and _OVERLOADED.search(message):
        return "overloaded"
    return None


_REJECTIONS: Final = (
    (_TOO_LONG, "context_length_exceeded"),
    (_FILTERED, "content_filter"),
    (_NO_MONEY, "quota_exhausted"),
    (_BAD_MODEL, "model_not_found"),
)


def _worded_rejection(message: str) -> str | None:
    return next((name for words, name in _REJECTIONS if words.search(message)), None)


def _by_status(status: int | None, names: list[str]) -> str:
    if status is None or status >= 500:
        return _STATUS.get(status or 500, "server_error")
    if status < 400:
        return "invalid_response"  # a redirect that nobody follows is no answer of an API
    return _STATUS.get(status, "invalid_request")

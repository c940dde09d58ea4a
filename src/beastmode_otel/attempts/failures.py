"""From what went wrong to an error: the one place where foreign exceptions and HTTP statuses are mapped."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from beastmode_otel.errors import BeastModeError, Category, Context, RedactedError, UpstreamError, category, safe_cause
from beastmode_otel.record import record
from beastmode_otel.wire import (
    ProviderError,
    Reply,
    categorise,
    classify,
    never_fits,
    read_error,
    retry_after,
    should_retry,
)


@record(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an attempt happens, for its errors. redact: takes out of a text what it must not show."""

    model_id: str
    deployment: str
    endpoint: str
    redact: Callable[[str], str]

    def context(self) -> Context:
        return Context(model=self.model_id, deployment=self.deployment, endpoint=self.endpoint)

    def error(self, kind: Category, said: str, context: Context | None = None) -> UpstreamError:
        message = f"{self.deployment}: {self.redact(said)}"
        return UpstreamError(message, category=kind, context=context or self.context())


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What a failed attempt says about trying again.

    retries: how often this deployment may be tried again in all; None is the route's own limit.
    asked: what the provider's x-should-retry said. retry_after: seconds that it asked to wait.
    """

    error: BeastModeError
    retries: int | None
    asked: bool | None = None
    retry_after: float | None = None


class AttemptFailed(Exception):
    """A response was read and found wanting."""

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure


def from_status(place: Place, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """A response whose status is not 2xx."""
    error = read_error(status, headers, body)
    hint = retry_after(headers, time.time())
    asked = should_retry(headers)
    return _provider_said(place, error, retry_after=hint, asked=asked)


REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_OF_ORIGIN: Final = 200  # characters


def from_redirect(place: Place, status: int, headers: Mapping[str, str]) -> Failure:
    """A redirect that was not followed: to another origin, or through a client that follows none."""
    kind = category("redirect_loop")
    origin = place.redact(_origin_of(headers.get("location", "")))
    if origin:
        said, do = (
            f"to {origin}, another origin",
            f"neither key nor prompt went there: if it is meant, set base_url to {origin}",
        )
    else:
        said, do = "which its client does not follow", "set base_url to where it leads, or pass follow_redirects=True"
    error = place.error(
        kind, f"{_phrase(status).rstrip(': ')}, a redirect {said}", replace(place.context(), status=status)
    )
    error.hints = (do,)
    return Failure(error=error, retries=kind.retries)


def _origin_of(location: str) -> str:
    """Scheme, host and port of an absolute address, or as much as can be read of it; empty for a relative one.

    The rest may hold anything, and is the provider's own text.
    """
    scheme, mark, rest = location.strip().partition("//")
    host = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2] if mark else ""
    found = "".join(char for char in f"{scheme}//{host}" if char.isprintable())
    return found[:_MOST_OF_ORIGIN] if host else ""


def from_event(place: Place, error: ProviderError, status: int) -> Failure:
    """An error that the provider reports inside a 200."""
    return _provider_said(place, replace(error, status=error.status or None), shown_status=status)


def _provider_said(
    place: Place,
    error: ProviderError,
    *,
    retry_after: float | None = None,
    asked: bool | None = None,
    shown_status: int | None = None,
) -> Failure:
    kind = categorise(error, host=urlsplit(place.endpoint).hostname or "")
    retries = 0 if kind.name == "rate_limited" and never_fits(error) else kind.retries
    # What the header says is finer. A wait in words means nothing where no wait helps: money, a size.
    if retry_after is None and retries != 0:
        retry_after = error.wait
    status = shown_status if error.status is None else error.status
    said = f"{_phrase(error.status)}{error.message or error.code or error.type or 'no error text'}"
    context = replace(
        place.context(),
        status=status,
        provider_code=place.redact(error.code or error.type or "") or None,
        request_id=place.redact(error.request_id or "") or None,
        retry_after=retry_after,
        original=place.redact(error.message or "") or None,
    )
    return Failure(error=place.error(kind, said, context), retries=retries, asked=asked, retry_after=retry_after)


def _phrase(status: int | None) -> str:
    if status is None:
        return "error inside the response: "
    try:
        return f"{status} {HTTPStatus(status).phrase}: "
    except ValueError:
        return f"{status}: "


def from_exception(place: Place, exc: Exception, kind: Category | None = None) -> tuple[Failure, bool]:
    """A foreign exception; `kind` overrides what it looks like. Also: whether the request was sent, as it seems."""
    fault = classify(exc)
    chosen = kind or fault.category
    name = type(exc).__name__
    # What cannot be read as a URL, a base URL or a proxy, is told in pieces: no net knows those of a password.
    odd = name == "InvalidURL"
    text = "" if odd else place.redact(str(exc).strip())
    error = place.error(
        chosen,
        f"{chosen.name.strip('_').replace('_', ' ')} ({name})",
        replace(place.context(), original=f"{name}: {text}" if text else name),
    )
    error.__cause__ = RedactedError(name) if odd else safe_cause(exc, place.redact)
    return Failure(error=error, retries=chosen.retries if kind else fault.retries), fault.sent


def from_limit(place: Place, name: str, seconds: float) -> Failure:
    """One of our own limits was reached: first_token_timeout or total_timeout."""
    kind = category(name)
    return Failure(error=place.error(kind, f"{name.replace('_', ' ')} after {seconds:g} s"), retries=kind.retries)


def from_early_end(place: Place, status: int, headers: Mapping[str, str], heard: bool) -> Failure:
    """A stream's body ended without the terminal event. heard: some event came, so it was a stream."""
    seen = headers.get("content-type", "no content type")
    context = replace(place.context(), status=status)
    if heard or "event-stream" in seen:
        kind, said = category("stream_truncated"), "the stream ended before its last event"
    else:
        kind, said = category("invalid_response"), f"the body of the {status} is no event stream ({seen})"
    return Failure(error=place.error(kind, said, context), retries=kind.retries)


def from_nothing(place: Place, status: int) -> Failure:
    """An answer that is none, whole or at the end of its stream."""
    kind = category("empty_answer")
    context = replace(place.context(), status=status)
    return Failure(error=place.error(kind, f"the {status} holds no answer", context), retries=kind.retries)


def check_reply(place: Place, status: int, headers: Mapping[str, str], reply: Reply) -> Failure | None:
    """What is wrong with a whole 200 response; None when nothing is."""
    if reply.error is not None:
        return from_event(place, reply.error, status)
    if reply.parsed and reply.is_nothing:
        return from_nothing(place, status)
    if reply.parsed:
        return None
    kind = category("invalid_response")
    seen = headers.get("content-type", "no content type")
    context = replace(place.context(), status=status)
    error = place.error(kind, f"the body of the {status} is not this API's JSON ({seen})", context)
    return Failure(error=error, retries=kind.retries)

"""What an app's own request says of itself, for telemetry."""

from __future__ import annotations

from typing import Any, Final

from beastmode_otel.observer import AttemptFacts
from beastmode_otel.wire import LLMCall

_TRIES: Final = "beastmode.tries"  # kept with the request: mistral's SDK says nothing of its retries


def facts_of(seen: LLMCall, request: Any) -> AttemptFacts:
    url = request.url
    return AttemptFacts(
        deployment=host_of(url),
        provider=seen.provider,
        operation=seen.operation,
        model=seen.model or "",
        host=url.host,
        port=url.port or (443 if url.scheme == "https" else 80),
        number=_number(request),
        stream=seen.stream,
        ask=seen.ask,
        body=seen.body,
    )


def host_of(url: Any) -> str:
    """As a deployment's name: the host, with its port where that is not the scheme's."""
    return url.host if url.port is None else f"{url.host}:{url.port}"


def endpoint_of(url: Any) -> str:
    """As people may see it: without query and user."""
    return f"{url.scheme}://{host_of(url)}{url.path}"


def _number(request: Any) -> int:
    """Which try of the SDK it is, from 1: most count their retries in a header, others send the same request again."""
    said = request.headers.get("x-stainless-retry-count", "")
    if said.isdecimal() and len(said) < 4:
        return 1 + int(said)
    number = request.extensions.get(_TRIES, 0) + 1
    request.extensions[_TRIES] = number
    return int(number)

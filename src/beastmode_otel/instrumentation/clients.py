"""What can be told of an app's client before it sends: its transport, and whether it adds a login of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_DEPTH: Final = 5
_OWN: Final = frozenset({"HTTPTransport", "AsyncHTTPTransport", "AiohttpTransport"})
_OF: Final = frozenset({"httpx", "httpx2", "httpx_aiohttp"})
_HARMLESS: Final = ("openai.lib.azure",)  # only takes keys away, when it is redirected


def has_own_door(client: Any, request: Any) -> bool:
    """Whether the request would pass one of our transports, perhaps inside other ones."""
    try:
        return _leads_to_door(client._transport_for_url(request.url), _DEPTH)
    except Exception:  # noqa: BLE001  (a client of its own kind)
        return False


def is_plain(client: Any, request: Any, auth: Any) -> bool:
    """Whether all that decides who asks, and who answers, stands in the request now.

    auth: what the caller gave to `send`. Not so: an `auth` of the client, its request hooks, a name in the URL,
    a transport that may do what it likes, a Unix socket.
    """
    try:
        used = client._auth if type(auth).__name__ == "UseClientDefault" else auth
        hooks = client.event_hooks["request"]
        return (
            used is None
            and not request.url.userinfo
            and all(getattr(hook, "__module__", None) in _HARMLESS for hook in hooks)
            and _is_own(client._transport_for_url(request.url))
        )
    except Exception:  # noqa: BLE001  (a client of its own kind)
        return False


def default_encoding(client: Any) -> Any:
    return getattr(client, "_default_encoding", "utf-8")


def _is_own(transport: Any) -> bool:
    kind = type(transport)
    if kind.__name__ not in _OWN or kind.__module__.partition(".")[0] not in _OF:
        return False
    return getattr(getattr(transport, "_pool", None), "_uds", None) is None


def _leads_to_door(transport: Any, depth: int) -> bool:
    if hasattr(type(transport), "__beastmode_door__"):
        return True
    if depth == 0 or _is_own(transport):
        return False
    parts = getattr(transport, "__dict__", None)
    if not isinstance(parts, Mapping):
        return False
    inner = [part for part in list(parts.values()) if _is_transport(part)]
    return any(_leads_to_door(part, depth - 1) for part in inner)


def _is_transport(part: Any) -> bool:
    kind = type(part)
    return hasattr(kind, "handle_request") or hasattr(kind, "handle_async_request")

"""One HTTP request of our own, blocking, for what is no attempt of a request: an embedding."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from beastmode_otel.router.upstream.library import library, options
from beastmode_otel.runtime import in_child

_CONNECTIONS: Final = 4


class PlainPost:
    """Thread-safe; the client is made by the first request. Redirects are not followed: a key is for one host."""

    def __init__(self, unseen: Callable[[], AbstractContextManager[None]]) -> None:
        """unseen: within which HTTP is nobody's but ours."""
        self._unseen = unseen
        self._forget()
        in_child(self._forget)

    def _forget(self) -> None:
        # The parent goes on talking over those sockets: neither use nor close them here.
        self._client: Any = None
        self._lock = threading.Lock()

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> tuple[int, bytes]:
        """Status and body. Raises whatever the HTTP library does."""
        with self._unseen():
            response = self._opened().post(url, headers=dict(headers), content=body, timeout=seconds)
        return response.status_code, response.content

    def _opened(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = library().Client(**options(_CONNECTIONS) | {"follow_redirects": False})
            return self._client

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

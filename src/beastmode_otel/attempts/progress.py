"""How far a request came: httpcore tells whoever asks by the request's `trace` extension."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(slots=True)
class Trail:
    """How far a request came, as the HTTP library reports it. heard: it reports at all (a foreign one may not)."""

    heard: bool = False
    sent: bool = False

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        """An event of httpcore's `trace` extension."""
        self.heard = True
        if event.endswith("send_request_headers.complete"):
            self.sent = True
        elif event.endswith("send_request_headers.failed"):
            # A cancellation strikes where the library waits, and it waits only after the bytes are written; an
            # Exception says that they could not be.
            self.sent = not isinstance(info.get("exception"), Exception)


_TRACE: Final = "trace"


def follow(request: Any, trail: Trail, *, is_async: bool) -> None:
    """Tell `trail` until the request's head is written, and whoever had asked before us as before.

    A cancelled call has no response that would say whether the provider has got it.
    """
    extensions = request.extensions
    theirs = extensions.get(_TRACE)
    if isinstance(theirs, _Follower):  # ours of the try before, which never came to sending
        theirs = theirs.theirs
    extensions[_TRACE] = (_Asynchronous if is_async else _Blocking)(extensions, trail, theirs)


def leave(request: Any) -> None:
    """There is an answer, or there will be none: what a request knows must not know the request for ever."""
    ours = request.extensions.get(_TRACE)
    if isinstance(ours, _Follower):
        ours.put_back()


class _Follower:
    __slots__ = ("_extensions", "_trail", "theirs")

    def __init__(self, extensions: dict[str, Any], trail: Trail, theirs: Any) -> None:
        self._extensions, self._trail, self.theirs = extensions, trail, theirs

    def told(self, event: str, info: Mapping[str, Any]) -> None:
        self._trail.note(event, info)
        if self._trail.sent:  # the events that follow cost a microsecond each
            self.put_back()

    def put_back(self) -> None:
        extensions = self._extensions
        if extensions.get(_TRACE) is not self:
            return
        if self.theirs is None:
            del extensions[_TRACE]
        else:
            extensions[_TRACE] = self.theirs


class _Blocking(_Follower):
    __slots__ = ()

    def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        self.told(event, info)
        if self.theirs is not None:
            self.theirs(event, info)


class _Asynchronous(_Follower):
    __slots__ = ()

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        self.told(event, info)
        if self.theirs is not None:
            await self.theirs(event, info)

"""Response bodies that pass on every byte unchanged and at once, and tell a WireCall of them."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator
from typing import Any

from beastmode_otel.instrumentation.call import WireCall
from beastmode_otel.instrumentation.context import Desk


class _Tee:
    """What both worlds share. A class, never a generator: nothing is held open by it, and its end is seen."""

    def __init__(self, inner: Any, call: WireCall, desk: Desk) -> None:
        self._inner, self._call, self._desk = inner, call, desk
        self._chunks: Any = None
        desk.streams.add(call)

    @property
    def elapsed(self) -> Any:
        return getattr(self._inner, "elapsed", None)

    def __getattr__(self, name: str) -> Any:
        inner = self.__dict__.get("_inner")
        if inner is None:  # a copy that is being made
            raise AttributeError(name)
        return getattr(inner, name)

    def _told(self, what: Any, *about: Any) -> None:
        try:
            what(*about)
        except Exception as exc:  # noqa: BLE001
            self._failed(exc)

    def _failed(self, exc: Exception) -> None:
        """The bytes are the app's, whatever we make of them."""
        self._desk.fault("body", exc)
        self._call.lost()

    def __del__(self) -> None:
        call = self.__dict__.get("_call")
        if call is not None and not call.done:
            self._desk.streams.orphan(call)  # nothing but an append


class _SyncTee(_Tee):
    def __iter__(self) -> _SyncTee:
        return self

    def __next__(self) -> bytes:
        if self._chunks is None:
            self._chunks = iter(self._inner)
        try:
            data: bytes = next(self._chunks)
        except StopIteration:
            self._told(self._call.ended)
            raise
        except BaseException as exc:
            self._told(self._call.raised, exc)
            raise
        try:
            self._call.feed(data)
        except Exception as exc:  # noqa: BLE001
            self._failed(exc)
        return data

    def close(self) -> None:
        try:
            self._inner.close()
        finally:
            self._chunks = iter(())  # the library drops its generator here, too
            self._told(self._call.closed)


class _AsyncTee(_Tee):
    _closes = True

    def __aiter__(self) -> _AsyncTee:
        return self

    async def __anext__(self) -> bytes:
        if self._chunks is None:
            self._chunks = aiter(self._inner)
        try:
            data: bytes = await anext(self._chunks)
        except StopAsyncIteration:
            self._told(self._call.ended)
            raise
        except BaseException as exc:
            self._told(self._call.raised, exc)
            raise
        try:
            self._call.feed(data)
        except Exception as exc:  # noqa: BLE001
            self._failed(exc)
        return data

    async def aclose(self) -> None:
        try:
            await self._close_chunks()
        finally:
            try:
                await self._inner.aclose()
            finally:
                self._told(self._call.closed)

    async def _close_chunks(self) -> None:
        """As the library does: httpx2 closes the generators that it opens, httpx leaves them to the event loop."""
        chunks = self._chunks
        if self._closes and isinstance(chunks, AsyncGenerator) and not getattr(chunks, "ag_running", False):
            await chunks.aclose()


@functools.cache
def tees(library: Any) -> tuple[type[_Tee], type[_Tee]]:
    """The blocking and the asynchronous tee for httpx or httpx2, whose clients ask for their own base classes."""
    blocking = type("SyncTee", (_SyncTee, library.SyncByteStream), {})
    closes = {"_closes": library.__name__ != "httpx"}
    return blocking, type("AsyncTee", (_AsyncTee, library.AsyncByteStream), closes)

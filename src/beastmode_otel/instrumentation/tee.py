"""Response bodies that pass on every byte unchanged and at once, and tell a WireCall of them."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator
from typing import Any

from beastmode_otel.instrumentation.call import WireCall
from beastmode_otel.instrumentation.context import DoorContext
from beastmode_otel.runtime import run_sync


class _Tee:
    """What sync and async share. A class, never a generator: nothing is held open by it, and its end is seen."""

    def __init__(self, inner: Any, call: WireCall, context: DoorContext) -> None:
        self._inner, self._call, self._context = inner, call, context
        self._chunks: Any = None
        context.streams.add(call)

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
        try:
            self._context.fault("body", exc)
        finally:
            self._call.lost()

    def __del__(self) -> None:
        call = self.__dict__.get("_call")
        if call is not None and not call.done:
            self._context.streams.orphan(call)  # nothing but an append


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
            self._settle()
            raise
        except BaseException as exc:
            self._told(self._call.raised, exc)
            raise
        try:
            self._call.feed(data)
        except Exception as exc:  # noqa: BLE001
            self._failed(exc)
        if self._call.owed is not None:
            self._settle()
        return data

    def _settle(self) -> None:
        """Whoever has the last bytes finds the answer in every tier, with write_mode "sync"."""
        owed, self._call.owed = self._call.owed, None
        try:
            if owed is not None:
                run_sync(owed())
        except Exception as exc:  # noqa: BLE001
            self._failed(exc)

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
            await self._settle()
            raise
        except BaseException as exc:
            self._told(self._call.raised, exc)
            raise
        try:
            self._call.feed(data)
        except Exception as exc:  # noqa: BLE001
            self._failed(exc)
        if self._call.owed is not None:
            await self._settle()
        return data

    async def _settle(self) -> None:
        owed, self._call.owed = self._call.owed, None
        try:
            if owed is not None:
                await owed()
        except Exception as exc:  # noqa: BLE001
            self._failed(exc)

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

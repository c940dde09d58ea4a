"""The decoders of single content codings, each as its library offers it; all with bounded output.

br needs brotli 1.2 or newer, whose output can be bounded; zstd needs Python 3.14, backports.zstd or zstandard.
"""

from __future__ import annotations

import functools
import importlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

_PIECE: Final = 64 * 1024  # of output at a time
_SLICE: Final = 256  # of input at a time, where output cannot be bounded: at most 8 MiB come of it
_WINDOW_LOG: Final = 23  # 8 MiB, which is all that HTTP allows (https://www.rfc-editor.org/rfc/rfc9659)


class Inflater(Protocol):
    """One coding. `feed` gives decoded pieces of bounded size and raises any Exception for bytes that are broken."""

    def feed(self, data: bytes) -> Iterator[bytes]: ...


@functools.cache
def inflater(name: str) -> Callable[[], Inflater] | None:
    """What makes decoders of this coding; None when it is unknown or its library not installed."""
    if name in ("gzip", "x-gzip"):
        return _Gzip
    if name == "deflate":
        return _Deflate
    if name == "br":
        return _brotli()
    return _zstd() if name == "zstd" else None


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _inflate(stream: Any, data: bytes) -> Iterator[bytes]:
    """All that `data` gives, piece by piece."""
    while data and not stream.eof:
        yield stream.decompress(data, _PIECE)
        data = stream.unconsumed_tail
        # What did not fit may be inside the decompressor, and then comes without new input.
        while not data and not stream.eof and (more := stream.decompress(b"", _PIECE)):
            yield more


class _Gzip:
    """Zeros that pad a member, and whatever is no member after the first, are let go as gzip(1) does."""

    def __init__(self) -> None:
        self._stream: Any = zlib.decompressobj(wbits=31)
        self._between = self._ended = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and not self._ended:
            if self._between:
                data = data.lstrip(b"\0")
                self._between, self._ended = not data, bool(data) and data[0] != 0x1F
                self._stream = zlib.decompressobj(wbits=31)
                continue
            yield from _inflate(self._stream, data)
            self._between, data = self._stream.eof, self._stream.unused_data


class _Deflate:
    """zlib's format, as the standard says, or without its header, as some servers do."""

    def __init__(self) -> None:
        self._stream: Any = zlib.decompressobj()
        self._seen = b""  # while the header may still turn out to be none
        self._sure = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not self._sure:
            data = self._seen = self._seen + data
            if len(data) < 2:
                return
            self._sure, self._seen = True, b""
            is_zlib = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._stream = zlib.decompressobj() if is_zlib else zlib.decompressobj(wbits=-15)
        yield from _inflate(self._stream, data)


def _brotli() -> Callable[[], Inflater] | None:
    library = _module("brotli")
    if library is None or not hasattr(library.Decompressor, "can_accept_more_data"):
        return None

    class Brotli:
        def __init__(self) -> None:
            self._stream = library.Decompressor()

        def feed(self, data: bytes) -> Iterator[bytes]:
            given = self._stream.process(data, output_buffer_limit=_PIECE)
            yield given
            # It says that it can accept more while it still holds back what did not fit: only an empty answer is all.
            while given or not self._stream.can_accept_more_data():
                given = self._stream.process(b"", output_buffer_limit=_PIECE)
                yield given

    return Brotli


def _zstd() -> Callable[[], Inflater] | None:
    standard = _module("compression.zstd") or _module("backports.zstd")
    if standard is not None:
        return lambda: _StandardZstd(standard)
    library = _module("zstandard")
    return None if library is None else lambda: _Zstandard(library)


class _StandardZstd:
    """Python 3.14's, or its backport."""

    def __init__(self, library: Any) -> None:
        limits = {library.DecompressionParameter.window_log_max: _WINDOW_LOG}
        self._make: Callable[[], Any] = functools.partial(library.ZstdDecompressor, options=limits)
        self._stream = self._make()

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data or not self._stream.needs_input:
            if self._stream.eof:
                self._stream = self._make()
            yield self._stream.decompress(data, max_length=_PIECE)
            data = self._stream.unused_data if self._stream.eof else b""
            if self._stream.eof and not data:
                self._stream = self._make()


class _Zstandard:
    def __init__(self, library: Any) -> None:
        self._make = library.ZstdDecompressor(max_window_size=1 << _WINDOW_LOG).decompressobj
        self._stream = self._make()

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            part, data = data[:_SLICE], data[_SLICE:]
            while part:
                yield self._stream.decompress(part)
                part = self._stream.unused_data if self._stream.eof else b""
                if self._stream.eof:
                    self._stream = self._make()


# Content codings (gzip, deflate, br, zstd), undone as the bytes arrive and beside their real reader.


MAX_DECODED: Final = 64 * 1024 * 1024
_MAX_CODINGS: Final = 4


class ContentDecoder:
    """Bytes of a body in, decoded bytes out. However they are split, what comes out is the same. Never raises.

    coding: the header `content-encoding`; several are undone from the last to the first. max_decoded: bytes.

    - `feed` gives what the bytes decode to so far: as much as its encoder flushed, so a stream is read in step.
    - `known` is False from the moment on at which nothing more can be told; what came before is right.
    - Members or frames that follow each other are one content. Not thread-safe.
    """

    __slots__ = ("_inflaters", "_left", "known")

    def __init__(self, coding: str = "", *, max_decoded: int = MAX_DECODED) -> None:
        inflaters = _inflaters(coding)
        self.known = inflaters is not None
        self._inflaters = inflaters or []
        self._left = max_decoded

    @property
    def plain(self) -> bool:
        """Whether nothing is to be undone."""
        return self.known and not self._inflaters

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decoded pieces; none of them is empty. Read them all before the next call."""
        if not self.known:
            return
        if not self._inflaters:
            yield from filter(None, (data,))
            return
        try:
            yield from self._through(data, len(self._inflaters))
        except Exception:  # noqa: BLE001  (each library has its own)
            self.known = False

    def _through(self, data: bytes, depth: int) -> Iterator[bytes]:
        if depth == 0:
            yield data
            return
        for piece in self._inflaters[depth - 1].feed(data):
            self._left -= len(piece)
            if self._left < 0:
                raise ValueError("larger than the bound")
            if piece:
                yield from self._through(piece, depth - 1)


def _inflaters(coding: str) -> list[Inflater] | None:
    """In the order in which they were applied; None when one of them is unknown or not installed."""
    names = [name.strip().lower() for name in coding.split(",")]
    makers = [inflater(name) for name in names if name not in ("", "identity")]
    if len(makers) > _MAX_CODINGS or None in makers:
        return None
    return [make() for make in makers if make is not None]

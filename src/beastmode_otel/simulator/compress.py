"""Content encodings, for whole bodies and for streams that must reach the client chunk by chunk."""

from __future__ import annotations

import importlib
import importlib.util
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_LIBRARIES: Final = {"br": "brotli", "zstd": "zstandard"}
_ZLIB_WBITS: Final = {"gzip": 31, "deflate": 15}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressor:
    """add: these bytes, compressed and flushed, so that the client can decode them at once. end: what is left."""

    add: Callable[[bytes], bytes]
    end: Callable[[], bytes]


def check_installed(encoding: str) -> str | None:
    """What is missing for this encoding, None when nothing is."""
    library = _LIBRARIES.get(encoding)
    if library is None or importlib.util.find_spec(library) is not None:
        return None
    return f"encoding={encoding!r} needs the package {library} (pip install {library})"


def compressor(encoding: str | None) -> Compressor:
    """A fresh encoder; None passes bytes through."""
    if encoding is None:
        return Compressor(add=bytes, end=bytes)
    if encoding in _ZLIB_WBITS:
        return _zlib(_ZLIB_WBITS[encoding])
    return _brotli() if encoding == "br" else _zstd()


def compress(body: bytes, encoding: str | None) -> bytes:
    """A whole body."""
    if encoding is None:
        return body
    into = compressor(encoding)
    return into.add(body) + into.end()


def _zlib(wbits: int) -> Compressor:
    squeeze = zlib.compressobj(wbits=wbits)
    return Compressor(add=lambda data: squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH), end=squeeze.flush)


def _brotli() -> Compressor:
    squeeze = importlib.import_module("brotli").Compressor(quality=4)
    return Compressor(add=lambda data: squeeze.process(data) + squeeze.flush(), end=squeeze.finish)


def _zstd() -> Compressor:
    library = importlib.import_module("zstandard")
    squeeze = library.ZstdCompressor().compressobj()
    block = library.COMPRESSOBJ_FLUSH_BLOCK
    return Compressor(add=lambda data: squeeze.compress(data) + squeeze.flush(block), end=squeeze.flush)

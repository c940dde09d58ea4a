"""Compression of stored answers: zlib everywhere, zstd where it is installed. What comes out is bounded."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

_LEVEL: Final = 1  # for 20 kB of JSON level 6 takes four times as long to save a tenth


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressor:
    """One way to compress. restore(data, limit): the original; raises ValueError when `data` is damaged, ends early or
    holds more than `limit` bytes, and never makes many more than that."""

    compress: Callable[[bytes], bytes]
    restore: Callable[[bytes, int], bytes]


def _inflate(data: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        restored = stream.decompress(data, limit + 1)
    except zlib.error:
        raise ValueError("no zlib data") from None
    return _whole(restored, limit, stream.eof and not stream.unused_data)


def _whole(restored: bytes, limit: int, ended: bool) -> bytes:
    if len(restored) > limit or not ended:
        raise ValueError("cut, or larger than it may be")
    return restored


def _standard_zstd() -> Compressor | None:
    """Python 3.14's, or its backport."""
    zstd = _module("compression.zstd") or _module("backports.zstd")
    if zstd is None:
        return None

    def restore(data: bytes, limit: int) -> bytes:
        stream = zstd.ZstdDecompressor()
        try:
            restored = stream.decompress(data, limit + 1)
        except zstd.ZstdError:
            raise ValueError("no zstd data") from None
        return _whole(restored, limit, stream.eof and not stream.unused_data)

    return Compressor(compress=lambda data: bytes(zstd.compress(data)), restore=restore)


def _zstandard() -> Compressor | None:
    zstd = _module("zstandard")
    if zstd is None:
        return None

    def restore(data: bytes, limit: int) -> bytes:
        try:
            if zstd.frame_content_size(data) > limit:  # it would be believed, and allocated; -1 is unknown
                raise ValueError("larger than it may be")
            return bytes(zstd.ZstdDecompressor().decompress(data, max_output_size=limit))
        except zstd.ZstdError:
            raise ValueError("no zstd data, cut, or larger than it may be") from None

    return Compressor(compress=lambda data: bytes(zstd.ZstdCompressor().compress(data)), restore=restore)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _compressors() -> Mapping[str, Compressor]:
    known = {"zlib": Compressor(compress=lambda data: zlib.compress(data, _LEVEL), restore=_inflate)}
    zstd = _standard_zstd() or _zstandard()
    return MappingProxyType(known if zstd is None else {**known, "zstd": zstd})


COMPRESSORS: Final[Mapping[str, Compressor]] = _compressors()

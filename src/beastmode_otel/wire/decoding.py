"""Content codings (gzip, deflate, br, zstd), undone as the bytes arrive and beside their real reader.

What is decoded here is only observed, so nothing here is an error: where a library is not installed, or the bytes are
broken or decode to more than the bound, the rest of the content is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from beastmode_otel.wire.inflaters import Inflater, inflater

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

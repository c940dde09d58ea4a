"""The codec of a configured cache: the envelope, with the secret bound to it."""

from __future__ import annotations

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.envelope import Damaged, decode, encode


class Sealed:
    """tiers.codec.Codec. secret: signs and checks what is stored outside of the process; None: checksums only."""

    def __init__(self, secret: bytes | None) -> None:
        self._secret = secret

    def encode(self, entry: Entry) -> bytes:
        return encode(entry, secret=self._secret)

    def decode(self, data: bytes, key: Key | None) -> Entry | Damaged:
        return decode(data, key, secret=self._secret)

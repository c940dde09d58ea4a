"""How an entry is stored outside of the process: a versioned JSON envelope, checked before it is believed.

    {"v":1,"sum":"…","sig":"…","entry":{…}}

sum: BLAKE2b-128 of the entry's bytes, always. sig: HMAC-SHA256 of the same bytes, key digest and tenant among them, if
a secret is configured, else "". Both are of the bytes as they stand: a store must give back what it was given (a bytea
or text column, not jsonb). Members that a reader does not know are ignored, so that later writers may add some
(embedding: base64 of float16, embedding_model, last_user_text).
"""

from __future__ import annotations

import hmac
import json
import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.payload import MAX_SIZE, Compression, NoCodec, TooLarge, from_payload, to_payload

VERSION: Final = 1
DamageReason = Literal["malformed", "version", "too_large", "checksum", "signature", "wrong_key", "encoding"]

_DOMAIN: Final = b"beastmode_otel envelope 1\n"
_VERSION: Final = re.compile(rb'\{"v":(\d{1,9}),')
_HEAD: Final = re.compile(rb'\{"v":1,"sum":"([0-9a-f]{32})","sig":"([0-9a-f]{64}|)","entry":')
_TAIL: Final = b"}"
_LARGEST: Final = 2 * MAX_SIZE  # base64 and escapes make an entry larger; twice is room enough for all but the absurd


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """What was found instead of an entry: a miss, to be counted.

    foreign: it may be whole, but was written by a newer release, with a codec that is not installed here, or with
    another secret. It is not this process's to delete, or releases that share a store would empty it for each other.
    """

    reason: DamageReason

    @property
    def foreign(self) -> bool:
        return self.reason in ("version", "encoding", "signature")


def encode(
    entry: Entry, *, secret: bytes | None = None, compress_above: int = 1024, compression: Compression = "zlib"
) -> bytes:
    """The envelope of `entry`: ASCII JSON. Bodies over `compress_above` bytes are compressed if that saves some.

    compression: every reader has zlib; choose zstd when all processes that share a store have it.
    Raises ValueError for what cannot be stored: NaN among the numbers, over MAX_SIZE, zstd that is not installed.
    """
    payload = json.dumps(
        to_payload(entry, compress_above, compression), allow_nan=False, separators=(",", ":")
    ).encode()
    signature = _signature(payload, secret).encode() if secret else b""
    return b'{"v":%d,"sum":"%b","sig":"%b","entry":%b}' % (VERSION, _checksum(payload), signature, payload)


def decode(data: bytes, key: Key | None = None, *, secret: bytes | None = None) -> Entry | Damaged:
    """The entry in `data`, expired or not; never raises, whatever the bytes are.

    key: what it was stored under; an entry of another digest, scope, tenant or namespace is Damaged ("wrong_key"). None
    (for scans) takes the envelope's own word, so then look at the tenant. secret: what is unsigned, or signed with
    another one, is Damaged ("signature"). Without a secret a signed entry is readable: who holds none cannot tell, and
    has chosen not to ask.
    """
    if len(data) > _LARGEST:
        return Damaged(reason="too_large")
    data = bytes(data)
    payload = _verified(data, secret)
    return payload if isinstance(payload, Damaged) else _entry(payload, key)


def _verified(data: bytes, secret: bytes | None) -> bytes | Damaged:
    """The entry's bytes when the envelope vouches for them."""
    head = _HEAD.match(data)
    if head is None or not data.endswith(_TAIL):
        version = _VERSION.match(data)
        return Damaged(reason="malformed" if version is None or int(version[1]) == VERSION else "version")
    payload = data[head.end() : -len(_TAIL)]
    if not hmac.compare_digest(_checksum(payload), head[1]):
        return Damaged(reason="checksum")
    if secret and not hmac.compare_digest(_signature(payload, secret).encode(), head[2]):
        return Damaged(reason="signature")
    return payload


def _entry(payload: bytes, key: Key | None) -> Entry | Damaged:
    try:
        entry = from_payload(json.loads(payload, parse_constant=_refuse))
    except TooLarge:
        return Damaged(reason="too_large")
    except NoCodec:
        return Damaged(reason="encoding")
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return Damaged(reason="malformed")
    return entry if key is None or _bound(entry.key) == _bound(key) else Damaged(reason="wrong_key")


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _bound(key: Key) -> tuple[bytes, bytes, str, str]:
    return key.digest, key.scope, key.tenant, key.namespace


def _checksum(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=16).hexdigest().encode()


def _signature(payload: bytes, secret: bytes) -> str:
    return hmac.digest(secret, _DOMAIN + payload, "sha256").hex()

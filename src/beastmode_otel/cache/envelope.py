"""How an entry is stored outside of the process: a versioned JSON envelope, checked before it is believed.

    {"v":1,"sum":"…","sig":"…","entry":{…}}

sum: BLAKE2b-128 of the entry's bytes, always. sig: HMAC-SHA256 of the same bytes, key digest and tenant among them, if
a secret is configured, else "". Both are of the bytes as they stand: a store must give back what it was given (a bytea
or text column, not jsonb). Members that a reader does not know are ignored, so that later writers may add some:
question, vector (base64 of float32) and embedder stand only in entries that may be matched semantically.
"""

from __future__ import annotations

import base64
import hmac
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any, Final, Literal

from beastmode_otel.cache.compress import COMPRESSORS
from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.wire import Usage

Compression = Literal["none", "zlib", "zstd"]
DamageReason = Literal["malformed", "version", "too_large", "checksum", "signature", "wrong_key", "encoding"]

VERSION: Final = 1
MAX_SIZE: Final = 32 * 1024 * 1024  # of body and text together, restored: far beyond any body that may be stored
_DOMAIN: Final = b"beastmode_otel envelope 1\n"
_VERSION: Final = re.compile(rb'\{"v":(\d{1,9}),')
_HEAD: Final = re.compile(rb'\{"v":1,"sum":"([0-9a-f]{32})","sig":"([0-9a-f]{64}|)","entry":')
_TAIL: Final = b"}"
_LARGEST: Final = 2 * MAX_SIZE  # base64 and escapes make an entry larger; twice is room enough for all but the absurd
_COUNTS: Final = ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens")


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
        entry = from_payload(_JSON.decode(payload.decode("utf-8", "surrogatepass")))
    except TooLarge:
        return Damaged(reason="too_large")
    except UnknownEncoding:
        return Damaged(reason="encoding")
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return Damaged(reason="malformed")
    return entry if key is None or _bound(entry.key) == _bound(key) else Damaged(reason="wrong_key")


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


_JSON: Final = json.JSONDecoder(parse_constant=_refuse)  # json.loads would make one for each entry


def _bound(key: Key) -> tuple[bytes, bytes, str, str]:
    return key.digest, key.scope, key.tenant, key.namespace


def _checksum(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=16).hexdigest().encode()


def _signature(payload: bytes, secret: bytes) -> str:
    return hmac.digest(secret, _DOMAIN + payload, "sha256").hex()


class EnvelopeCodec:
    """The Codec (cache/tier.py) of a configured cache. secret: signs and checks what is stored outside of the process;
    None: checksums only."""

    def __init__(self, secret: bytes | None) -> None:
        self._secret = secret

    def encode(self, entry: Entry) -> bytes:
        return encode(entry, secret=self._secret)

    def decode(self, data: bytes, key: Key | None) -> Entry | Damaged:
        return decode(data, key, secret=self._secret)


# The payload: the members of an entry, JSON values all.


class UnknownEncoding(Exception):
    """The entry's encoding is unknown here."""


class TooLarge(Exception):
    """The entry would be larger than MAX_SIZE."""


def to_payload(entry: Entry, compress_above: int, compression: Compression) -> dict[str, Any]:
    """The members of `entry`, JSON values all. Raises ValueError for a codec that is not installed."""
    key = entry.key
    return {
        "key": key.digest.hex(),
        "scope": key.scope.hex(),
        "tenant": key.tenant,
        "namespace": key.namespace,
        "model_requested": key.model,
        "model_served": entry.model_served,
        "request_id": entry.request_id,
        "api": entry.api,
        "provider": entry.provider,
        "deployment": entry.deployment,
        "created_at": entry.created_at,
        "expires_at": entry.expires_at,
        "finish_reason": entry.finish_reason,
        "usage": None if entry.usage is None else asdict(entry.usage),
        "cost": entry.cost,
        "tags": entry.tags,
        **_content(entry, compress_above, compression),
        **_matched(entry),
    }


def from_payload(said: Mapping[str, Any]) -> Entry:
    """The entry of these members. Raises ValueError, TypeError or KeyError for what no writer of ours has written,
    UnknownEncoding and TooLarge."""
    body, text = _restored(said)
    return Entry(
        key=_key(said),
        request_id=_text(said["request_id"]),
        api=_text(said["api"]),
        provider=_text(said["provider"]),
        deployment=_text(said["deployment"]),
        model_served=_text(said["model_served"]),
        created_at=_number(said["created_at"]),
        expires_at=_number(said["expires_at"]),
        body=body,
        text=text,
        finish_reason=None if said["finish_reason"] is None else _text(said["finish_reason"]),
        usage=_usage(said["usage"]),
        cost=None if said["cost"] is None else _number(said["cost"]),
        tags=tuple(map(_text, _list(said["tags"]))),
        **_meaning(said),
    )


def _content(entry: Entry, compress_above: int, compression: Compression) -> dict[str, Any]:
    """Body and text; compressed together, since the text stands in the body too and costs nothing a second time."""
    if compression != "none" and compression not in COMPRESSORS:
        raise ValueError(f"{compression} is not installed")
    if entry.size > MAX_SIZE:
        raise ValueError("larger than a reader accepts")
    if compression != "none" and len(entry.body) > compress_above:
        raw = entry.body + entry.text.encode("utf-8", "surrogatepass")
        packed = base64.b64encode(COMPRESSORS[compression].compress(raw)).decode()
        if len(packed) < len(raw):
            return {"enc": f"json+{compression}", "body": packed, "sizes": [len(entry.body), len(raw)]}
    try:
        return {"enc": "json", "body": entry.body.decode(), "text": entry.text}
    except UnicodeDecodeError:  # JSON in UTF-16, or no JSON: kept as it is, for its reader to judge
        return {"enc": "base64", "body": base64.b64encode(entry.body).decode(), "text": entry.text}


def _matched(entry: Entry) -> dict[str, str]:
    """Nothing of an entry that is found by its key alone: its envelope is what it was before there was a match."""
    vector = None if entry.vector is None else base64.b64encode(entry.vector).decode()
    members = {"question": entry.question, "vector": vector, "embedder": entry.embedder}
    return {name: value for name, value in members.items() if value is not None}


def _meaning(said: Mapping[str, Any]) -> dict[str, Any]:
    """What `_matched` has written, as fields of an entry."""
    found = {name: _text(said[name]) for name in ("question", "vector", "embedder") if said.get(name) is not None}
    if "vector" not in found:
        return found
    vector = base64.b64decode(found["vector"], validate=True)
    if not vector or len(vector) % 4 or "embedder" not in found:
        raise ValueError("no vector of float32, or nobody's")
    return {**found, "vector": vector}


def _restored(said: Mapping[str, Any]) -> tuple[bytes, str]:
    encoding, body = _text(said["enc"]), _text(said["body"])
    if encoding == "json":
        return body.encode(), _text(said["text"])
    if encoding == "base64":
        return base64.b64decode(body, validate=True), _text(said["text"])
    compressor = COMPRESSORS.get(encoding.removeprefix("json+"))
    if compressor is None:
        raise UnknownEncoding
    cut, size = map(_count, _list(said["sizes"]))
    if size > MAX_SIZE:
        raise TooLarge
    raw = compressor.restore(base64.b64decode(body, validate=True), size)
    if len(raw) != size or cut > size:
        raise ValueError("another size than was written")
    return raw[:cut], raw[cut:].decode("utf-8", "surrogatepass")


def _key(said: Mapping[str, Any]) -> Key:
    tenant = _text(said["tenant"])
    if not tenant:
        raise ValueError("no tenant")
    return Key(
        digest=_digest(said["key"]),
        scope=_digest(said["scope"]),
        tenant=tenant,
        namespace=_text(said["namespace"]),
        model=_text(said["model_requested"]),
    )


def _digest(value: Any) -> bytes:
    digest = bytes.fromhex(_text(value))
    if len(digest) != 32:
        raise ValueError("a digest has 32 bytes")
    return digest


def _usage(value: Any) -> Usage | None:
    if value is None:
        return None
    counts = {name: None if value[name] is None else _count(value[name]) for name in _COUNTS}
    return Usage(**counts, estimated=value["estimated"] is True)


def _text(value: Any) -> str:
    return value if type(value) is str else _fail()


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else _fail()


def _count(value: Any) -> int:
    return value if type(value) is int and value >= 0 else _fail()


def _number(value: Any) -> float:
    return float(value) if type(value) in (int, float) and math.isfinite(value) else _fail()


def _fail() -> Any:
    raise ValueError("a member of another type than was written")

"""The members of a stored entry: what envelope.py writes and, once it has checked them, reads."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, Literal

from beastmode_otel.cache.compress import CODECS
from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.wire import Usage

Compression = Literal["none", "zlib", "zstd"]

MAX_SIZE: Final = 32 * 1024 * 1024  # of body and text together, restored: far beyond any body that may be stored
_COUNTS: Final = ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens")


class NoCodec(Exception):
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
    }


def from_payload(said: Mapping[str, Any]) -> Entry:
    """The entry of these members. Raises ValueError, TypeError or KeyError for what no writer of ours has written,
    NoCodec and TooLarge."""
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
    )


def _content(entry: Entry, compress_above: int, compression: Compression) -> dict[str, Any]:
    """Body and text; compressed together, since the text stands in the body too and costs nothing a second time."""
    if compression != "none" and compression not in CODECS:
        raise ValueError(f"{compression} is not installed")
    if entry.size > MAX_SIZE:
        raise ValueError("larger than a reader accepts")
    if compression != "none" and len(entry.body) > compress_above:
        raw = entry.body + entry.text.encode("utf-8", "surrogatepass")
        packed = base64.b64encode(CODECS[compression].compress(raw)).decode()
        if len(packed) < len(raw):
            return {"enc": f"json+{compression}", "body": packed, "sizes": [len(entry.body), len(raw)]}
    try:
        return {"enc": "json", "body": entry.body.decode(), "text": entry.text}
    except UnicodeDecodeError:  # JSON in UTF-16, or no JSON: kept as it is, for its reader to judge
        return {"enc": "base64", "body": base64.b64encode(entry.body).decode(), "text": entry.text}


def _restored(said: Mapping[str, Any]) -> tuple[bytes, str]:
    encoding, body = _text(said["enc"]), _text(said["body"])
    if encoding == "json":
        return body.encode(), _text(said["text"])
    if encoding == "base64":
        return base64.b64decode(body, validate=True), _text(said["text"])
    codec = CODECS.get(encoding.removeprefix("json+"))
    if codec is None:
        raise NoCodec
    cut, size = map(_count, _list(said["sizes"]))
    if size > MAX_SIZE:
        raise TooLarge
    raw = codec.restore(base64.b64decode(body, validate=True), size)
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

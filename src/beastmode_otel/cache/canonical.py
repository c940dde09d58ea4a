"""One spelling for each JSON value: equal bytes exactly when the values are equal as JSON.

- Keys are sorted by code point, lists keep their order, a tuple is a list. 1 = 1.0 = 1e0 and 0 = -0.0; true is not 1,
  "1" is not 1. No Unicode normalisation: what looks alike may be tokenised differently.
- What JSON has no single spelling for becomes a token, a string that begins with `data:#`: `f` and Python's repr for
  a float with a fraction, `b` and the SHA-256 of bytes, `u` and a data URL's media type and the SHA-256 of its content.
  Strings of the caller that begin with `data:` are written `data:=…`, so that no string is ever taken for a token.
- Base64 content is digested in its standard spelling (no white space, padded, `+/`): equal bytes are equal, without
  decoding, which costs 4.5 times the hash itself. Base64 outside of a data URL is text like any other.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

Encoder = Callable[[Any], bytes]

MAX_DEPTH: Final = 100  # the encoders' own limits differ (orjson 254, json by the free stack): this one comes first

_TOO_DEEP: Final = f"nested deeper than {MAX_DEPTH} levels, or a circle"
_DATA: Final = "data:"
_URLS: Final = frozenset({"url", "image_url", "file_data"})  # elsewhere a data URL is text, and white space counts
_BASE64: Final = ";base64,"
_SPELLING: Final = bytes.maketrans(b"-_", b"+/")
_OTHER_SPELLING: Final = (b"-", b"_", b" ", b"\t", b"\r", b"\n")

_STDLIB: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"), sort_keys=True
)


def stdlib(tree: Any) -> bytes:
    """Raises ValueError for a lone surrogate and for an int of more digits than Python prints."""
    return _STDLIB.encode(tree).encode()


def accelerated() -> Encoder | None:
    """The encoder over orjson; None when it is not installed."""
    try:
        orjson: Any = importlib.import_module("orjson")
    except ImportError:
        return None
    dumps, by_code_point = orjson.dumps, orjson.OPT_SORT_KEYS  # UTF-8 sorts as code points do

    def encode(tree: Any) -> bytes:
        try:
            return dumps(tree, None, by_code_point)  # type: ignore[no-any-return]
        except TypeError:  # an int beyond 64 bits, or a lone surrogate, which stdlib refuses too
            return stdlib(tree)

    return encode


BEST: Final[Encoder] = accelerated() or stdlib


class NotCanonical(ValueError):
    """JSON cannot say it, or not in one way. The text names the kind of fault and never quotes the value."""


def canonical(value: Any, *, encoder: Encoder = BEST) -> bytes:
    """The one spelling of `value`: UTF-8 JSON without space.

    Takes what JSON can say, and Mapping, tuple, bytes, bytearray and memoryview. Raises NotCanonical for NaN and
    infinity, keys that are no strings, lone surrogates, integers of
    more digits than Python prints, more than MAX_DEPTH levels (so for circles) and other types.
    """
    try:
        return encoder(_settled(value, MAX_DEPTH))
    except UnicodeEncodeError:
        raise NotCanonical("a lone surrogate is no Unicode text") from None
    except NotCanonical:
        raise
    except ValueError:
        raise NotCanonical("an integer of more digits than Python prints") from None
    except RuntimeError:
        raise NotCanonical("changed by another thread meanwhile, or no stack left") from None


def utf8(text: str) -> bytes:
    """`text` as UTF-8. Raises NotCanonical for a lone surrogate."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise NotCanonical("a lone surrogate is no Unicode text") from None


# Settlers: a value as the encoders agree on it; the value itself where that is so already, else a copy.


def _settled(value: Any, depth: int) -> Any:
    return _SETTLERS.get(type(value), _unusual)(value, depth)


def _object(members: dict[Any, Any], depth: int) -> dict[Any, Any]:
    if depth == 0:
        raise NotCanonical(_TOO_DEEP)
    changed: dict[Any, Any] | None = None
    for name, item in members.items():
        if type(name) is not str:
            return _object(_renamed(members), depth)
        kind = type(item)
        # Text, flags and counts are nearly all there is: they are not worth a call.
        if kind is str:
            if not item.startswith(_DATA):
                continue
        elif kind in _ATOMS:
            continue
        url = name in _URLS and isinstance(item, str)
        settled = _url(str.__str__(item)) if url else _SETTLERS.get(kind, _unusual)(item, depth - 1)
        if settled is not item:
            changed = changed or {**members}
            changed[name] = settled
    return members if changed is None else changed


def _array(items: list[Any], depth: int) -> list[Any]:
    if depth == 0:
        raise NotCanonical(_TOO_DEEP)
    changed: list[Any] | None = None
    for index, item in enumerate(items):
        settled = _SETTLERS.get(type(item), _unusual)(item, depth - 1)
        if settled is not item:
            changed = changed or [*items]
            changed[index] = settled
    return items if changed is None else changed


def _text(text: str, depth: int = 0) -> str:
    return f"{_DATA}={text[len(_DATA) :]}" if text.startswith(_DATA) else text


def _same(value: Any, depth: int) -> Any:
    return value


def _number(value: float, depth: int) -> int | str:
    if value.is_integer():
        return int(value)
    if not math.isfinite(value):
        raise NotCanonical("NaN and infinity are no JSON numbers")
    return f"{_DATA}#f{value!r}"


def _unusual(value: Any, depth: int) -> Any:
    """Subclasses (an IntEnum, numpy's float64), other containers, bytes."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{_DATA}#b{sha256(bytes(value)).hexdigest()}"
    for base, plain in _PLAIN:
        if isinstance(value, base):
            return _settled(plain(value), depth)
    raise NotCanonical(f"{type(value).__name__} is no JSON type")


_ATOMS: Final[frozenset[type]] = frozenset({int, bool, type(None)})
_SETTLERS: Final[dict[type, Callable[[Any, int], Any]]] = {
    **dict.fromkeys(_ATOMS, _same),
    str: _text,
    float: _number,
    dict: _object,
    list: _array,
    tuple: _array,
}
# The conversions are the bases' own, so that an enum gives its value and no override is asked.
_PLAIN: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (list, lambda value: [*value]),
    (tuple, lambda value: [*value]),
    (Mapping, lambda value: dict(value.items())),
)


def _renamed(members: dict[Any, Any]) -> dict[str, Any]:
    if not all(isinstance(name, str) for name in members):
        raise NotCanonical("a key of an object is no string")
    renamed = {str.__str__(name): item for name, item in members.items()}
    if len(renamed) != len(members):
        raise NotCanonical("an object has two equal keys")
    return renamed


def _url(text: str) -> str:
    """The token of a base64 data URL; any other text as it is written elsewhere."""
    comma = text.find(",")
    head = text[: comma + 1]
    if not (head.startswith(_DATA) and head.endswith(_BASE64)):
        return _text(text)
    raw, start = text.encode(), len(head.encode())
    content: bytes | memoryview = memoryview(raw)[start:]  # a megabyte is worth not copying
    if len(content) % 4 or any(raw.find(mark, start) >= 0 for mark in _OTHER_SPELLING):
        content = bytes(content).translate(_SPELLING, b" \t\r\n").rstrip(b"=")
        content += b"=" * (-len(content) % 4)
    return f"{_DATA}#u{head[len(_DATA) :]}{sha256(content).hexdigest()}"

"""JSON bytes of trees that canonical.py has settled: the same bytes whichever encoder is installed.

Settled: exact dict (exact str keys), list, tuple, str, int, bool and None only. For these the standard library and
orjson agree on every byte (keys sorted by code point, the same escapes, no space); for floats they would not.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any, Final

Encoder = Callable[[Any], bytes]

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

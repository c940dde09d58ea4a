"""What goes to Postgres and what comes back, in its binary format: no quoting, and bytes stay as long as they are."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

# Object ids of built-in types never change (pg_type.dat).
_BOOL, _BYTES, _BIGINT, _TEXT, _FLOAT = 16, 17, 20, 25, 701
_ARRAYS: Final = {_BYTES: 1001, _TEXT: 1009, _BIGINT: 1016, _FLOAT: 1022}


def encoded(values: Sequence[Any]) -> tuple[list[bytes | None], list[int]]:
    """The bytes of the parameters, and the object ids of their types.

    Raises ValueError, struct.error for what no column can hold.
    """
    pairs = [_encoded(value) for value in values]
    return [data for data, _ in pairs], [oid for _, oid in pairs]


def _encoded(value: Any) -> tuple[bytes | None, int]:
    if value is None:
        return None, 0  # the statement says what it is
    if isinstance(value, list | tuple):
        return _array(value)
    return _scalar(value)


def _scalar(value: Any) -> tuple[bytes, int]:
    match value:
        case str():
            return value.encode(), _TEXT
        case bytes():
            return value, _BYTES
        case bool():
            return struct.pack("!?", value), _BOOL
        case int():
            return struct.pack("!q", value), _BIGINT
        case float():
            return struct.pack("!d", value), _FLOAT
    raise ValueError(f"nothing that Postgres is told: {type(value).__name__}")


def _array(values: Sequence[Any]) -> tuple[bytes, int]:
    """One dimension, no nulls; the type is that of the first, text for an empty one."""
    pairs = [_scalar(value) for value in values]
    oid = pairs[0][1] if pairs else _TEXT
    if not pairs:
        return struct.pack("!iiI", 0, 0, oid), _ARRAYS[oid]
    parts = [struct.pack("!iiIii", 1, 0, oid, len(pairs), 1)]
    for data, _ in pairs:
        parts += struct.pack("!i", len(data)), data
    return b"".join(parts), _ARRAYS[oid]


_DECODERS: Final[Mapping[int, Callable[[bytes], Any]]] = {
    _BOOL: lambda data: data == b"\x01",
    _BYTES: bytes,
    19: bytes.decode,  # name
    _BIGINT: lambda data: struct.unpack("!q", data)[0],
    23: lambda data: struct.unpack("!i", data)[0],
    _TEXT: bytes.decode,
    _FLOAT: lambda data: struct.unpack("!d", data)[0],
    2278: lambda data: None,  # void
}


def decoded(oid: int, data: bytes | None) -> Any:
    """A value of a column of this type. KeyError for a type that no statement of ours asks for."""
    return None if data is None else _DECODERS[oid](data)

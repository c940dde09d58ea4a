"""Keys of requests that came before, spelled the same way: found for a third of what deriving them costs.

A request is told apart by a snapshot of its members (marshal: exact types, the order of members, no references), so by
more than `derive` looks at: equal snapshots have equal keys, and whatever is spelled anew is derived anew.
"""

from __future__ import annotations

import marshal
from dataclasses import replace
from hashlib import sha256
from typing import Final

from beastmode_otel.cache.canonical import BEST
from beastmode_otel.cache.entry import Key
from beastmode_otel.cache.key import KeyParts, derive, head, members

LONGEST: Final = 256 * 1024  # bytes of a snapshot: beyond, hashing is nearly all of either
_FORMAT: Final = 2  # of marshal: later ones write references, which depend on who else holds a value


class KeyMemo:
    """Derives keys, and remembers between `most` and twice as many: about 400 bytes each, no texts. Thread-safe."""

    def __init__(self, most: int = 2048) -> None:
        self._most = most
        # Two generations: what the older one is asked for moves to the younger, the rest goes with it. No lock.
        self._young: dict[bytes, Key] = {}
        self._old: dict[bytes, Key] = {}

    def derive(self, parts: KeyParts) -> Key:
        """key.derive, with the best encoder."""
        try:
            seen = marshal.dumps(members(parts), _FORMAT)
        except ValueError:  # a Mapping, a subclass, a circle: only `derive` knows
            return derive(parts)
        if len(seen) > LONGEST:
            return derive(parts)
        digest = sha256(b"%b%b" % (head(parts), seen)).digest()
        key = self._young.get(digest)
        if key is not None and key.model == parts.requested:
            return key
        return self._again(parts, seen, digest)

    def _again(self, parts: KeyParts, seen: bytes, digest: bytes) -> Key:
        key = self._old.get(digest)
        if key is None or key.model != parts.requested:
            # Of the snapshot, not of the request: another thread may have changed that in the meantime.
            snapshot = marshal.loads(seen)  # noqa: S302  (our own bytes, never stored)
            if not _is_json(snapshot):
                return derive(parts)
            key = derive(replace(parts, body=snapshot))
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[digest] = key
        return key


def _is_json(snapshot: object) -> bool:
    """False for what marshal writes as something else, such as numpy's numbers as bytes."""
    try:
        BEST(snapshot)
    except (TypeError, ValueError, RecursionError):
        return False
    return True

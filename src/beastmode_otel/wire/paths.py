"""Which path belongs to which API. Made for a hook that sees every HTTP request of a program: what is no LLM call is
told by its method and the last segment of its path, in under a microsecond. The paths stand with the formats.

Left out on purpose: everything that generates no text and counts no tokens of it (models, files, batches, token
counts, moderations, audio, images, OCR), what continues or reads an earlier call (`/responses/{id}`, threads, runs,
Mistral's conversations), and Bedrock's own protocol, whose streams are no text. Extra patterns can name them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes


class CallPath(NamedTuple):
    """A path where calls of an API are made.

    pattern: the end of a path; a segment `*` stands for any one, `v*` for a version, `{model}` for the model's name,
    which may be followed by a verb: `{model}:generateContent`. operation: where it is not the format's own. generic:
    other services have such paths too, so something else must speak for it. provider: only at this one's hosts.
    streams: the path alone says so, or with `query` in its query.
    """

    pattern: str
    operation: str = ""
    generic: bool = False
    provider: str = ""
    streams: bool = False
    query: bytes = b""


class PathMatch(NamedTuple):
    """What a path says: its API, the rule of that API, and the model where the path names one."""

    api: str
    path: CallPath
    model: str | None = None


_REMEMBERED: Final = 256
_MODEL: Final = b"{model}"
_Rule = tuple[list[bytes], PathMatch]


class Paths:
    """Patterns, compiled; of two that fit the longer counts, of two equal ones the first."""

    __slots__ = ("_any", "_by_last", "_found")

    def __init__(self, endpoints: Iterable[PathMatch]) -> None:
        self._by_last: dict[bytes, list[_Rule]] = {}  # by the last segment, or by the verb with its colon
        self._any: list[_Rule] = []  # that end with a wildcard
        self._found: dict[bytes, PathMatch] = {}  # an app calls few paths, each many times
        for endpoint in endpoints:
            segments = endpoint.path.pattern.encode().strip(b"/").split(b"/")
            last = segments[-1].removeprefix(_MODEL)
            rules = self._any if last in (b"*", b"v*", b"") else self._by_last.setdefault(last, [])
            rules.append((segments, endpoint))
        for rules in (*self._by_last.values(), self._any):
            rules.sort(key=lambda rule: -len(rule[0]))  # the longest pattern says most

    def find(self, method: str, target: bytes) -> PathMatch | None:
        """The endpoint of a request, None when it is no LLM call. target: the path as on the wire, with its query."""
        if method != "POST":
            return None
        path = target.partition(b"?")[0]
        known = self._found.get(path)
        if known is not None:
            return known
        last = path[path.rfind(b"/") + 1 :]
        if last and last not in self._by_last and not self._any and b":" not in last:
            return None
        endpoint = self._find(path)
        if endpoint is not None and len(self._found) < _REMEMBERED:
            self._found[path] = endpoint
        return endpoint

    def _find(self, path: bytes) -> PathMatch | None:
        segments = path.strip(b"/").split(b"/")  # some clients write the address with a slash at its end
        _, colon, verb = segments[-1].rpartition(b":")
        named = self._by_last.get(segments[-1], []) + self._by_last.get(colon + verb, []) * bool(colon)
        for pattern, endpoint in [*named, *self._any]:
            there = segments[-len(pattern) :]
            if len(there) == len(pattern) and all(map(_is, pattern, there)):
                return endpoint._replace(model=_model_in(pattern, there))
        return None


def _is(wanted: bytes, segment: bytes) -> bool:
    if wanted == b"v*":
        return segment[:1] == b"v" and segment[1:2].isdigit()
    if wanted.startswith(_MODEL):
        verb = wanted.removeprefix(_MODEL)
        return segment.endswith(verb) and len(segment) > len(verb)
    return wanted in (segment, b"*")


def _model_in(pattern: list[bytes], segments: list[bytes]) -> str | None:
    for wanted, segment in zip(pattern, segments, strict=True):
        if wanted.startswith(_MODEL):
            name = segment.removesuffix(wanted.removeprefix(_MODEL))
            return unquote_to_bytes(name).decode("utf-8", "replace")
    return None

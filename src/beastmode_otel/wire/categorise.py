"""Which category a provider's error belongs to: by what stands in its structure, by its status, and by its words last.

1. Lines of the table (`error_rows`) that need names and words together, then names: with the very status, then any.
2. The table's phrases, the longest first, with their own status.
3. Words of any provider (`error_words`), where the status leaves it open: never with 401, 402, 408, 409, 425.
4. Names that say no more than a status does, where there is none: in the middle of a stream.
5. The status alone.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from beastmode_otel.errors import Category, category
from beastmode_otel.record import record
from beastmode_otel.wire import error_words as said
from beastmode_otel.wire.error_rows import ErrorRow, error_rows
from beastmode_otel.wire.facts import ProviderError

# Names that say no more than a status does: they count where there is no status, in the middle of a stream.
_COARSE: Final = MappingProxyType(
    {
        "authenticationerror": "authentication_error",
        "unauthenticated": "authentication_error",
        "permissionerror": "permission_denied",
        "permissiondenied": "permission_denied",
        "notfounderror": "endpoint_not_found",
        "ratelimiterror": "rate_limited",
        "toomanyrequests": "rate_limited",
        "resourceexhausted": "rate_limited",
        "timeouterror": "gateway_timeout",
        "unavailable": "unavailable",
        "serviceunavailable": "unavailable",
        "invalidrequesterror": "invalid_request",
        "invalidargument": "invalid_request",
        "badrequesterror": "invalid_request",
        "invalidresponse": "invalid_response",
    }
)
_CERTAIN: Final = frozenset({401, 402, 408, 409, 425})


def categorise(error: ProviderError, *, host: str = "") -> Category:
    """The category of an error that a provider sent. Without a status the names decide, else it is a `server_error`.

    host: where it came from, for the few names that mean something else at one provider.
    """
    status = status_of(error)
    names = [_plain(name) for name in dict.fromkeys((error.code, error.type, *error.names)) if name]
    text = said.words_of(error.text or error.message or "")
    found = (
        _by_row(status, names, text, host)
        or _by_phrase(status, said.unquoted(text))
        or _by_words(status, f" |{said.words_of_names(_told(error))}{text}| ", waits=error.wait is not None)
    )
    if found is None and status is None:
        found = next((_COARSE[name] for name in names if name in _COARSE), None)
    return category(found or _by_status(status))


def never_fits(error: ProviderError) -> bool:
    """Whether a rate refuses the request for its size: more tokens than a whole minute has, so that no wait helps."""
    text = said.words_of(error.text or error.message or "")
    numbers = _ASKED.search(text)
    return int(numbers[2]) > int(numbers[1]) if numbers else _TOO_BIG.search(text) is not None


_ASKED: Final = re.compile(r" limit (\d{1,12})(?: [^ ]+){0,3} requested (\d{1,12}) ")
_TOO_BIG: Final = re.compile(r" request (?:is )?too large | reduce your message size | must be reduced ")


def status_of(error: ProviderError) -> int | None:
    """The status of the response, the one that an error inside a 200 names as its code, or that of the provider behind
    a gateway which hands on its error."""
    if error.behind is not None:
        return error.behind
    if error.status is not None and error.status >= 300:
        return error.status
    code = error.code or ""
    return int(code) if re.fullmatch(r"[45][0-9][0-9]", code) else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _told(error: ProviderError) -> list[str]:
    """The names that are more than a status."""
    return [name for name in dict.fromkeys((error.code, error.type, *error.names)) if name and not name.isdigit()]


# The table.


@record(frozen=True, slots=True, kw_only=True)
class _Strict:
    """A line that needs more than one name. names: each with its alternatives, plain; `*x*` as x with a star before."""

    row: ErrorRow
    names: tuple[tuple[str, ...], ...]
    words: tuple[said.Phrase, ...]

    def holds(self, status: int | None, names: set[str], text: str, host: str) -> bool:
        return (
            status in (None, self.row.status)
            and self.row.silent == (not names and not text.strip())
            and host.endswith(self.row.host)
            and all(any(_is_there(name, names) for name in either) for either in self.names)
            and (not self.words or any(phrase.search(said.unquoted(text)) for phrase in self.words))
        )


def _is_there(name: str, names: set[str]) -> bool:
    return name in names if name[:1] != "*" else any(name[1:] in one for one in names)


@functools.cache
def _strict() -> tuple[_Strict, ...]:
    return tuple(
        _Strict(
            row=row,
            names=tuple(tuple("*" * ("*" in name) + _plain(name) for name in either) for either in row.names),
            words=tuple(map(said.Phrase, row.words)) if row.both else (),
        )
        for row in error_rows()
        if row.both or row.host or row.silent or len(row.names) > 1
    )


@functools.cache
def _by_name() -> dict[str, list[ErrorRow]]:
    """The lines for which one name is enough."""
    found: dict[str, list[ErrorRow]] = {}
    for row in error_rows():
        if len(row.names) == 1 and not row.both and not row.host:
            for name in row.names[0]:
                found.setdefault(_plain(name), []).append(row)
    return found


def _by_row(status: int | None, names: list[str], text: str, host: str) -> str | None:
    there = set(names)
    for strict in _strict():
        if strict.holds(status, there, text, host):
            return strict.row.category
    return _named(status, names) or _named(status, [_plain(word) for word in text.split() if _SPOKEN.fullmatch(word)])


_SPOKEN: Final = re.compile(r"[a-z]+(?:_[a-z]+)+")  # a name among the words; one in quotes is somebody's parameter


def _named(status: int | None, names: list[str]) -> str | None:
    rows = [row for name in names for row in _by_name().get(name, ()) if status is None or _may(row, status)]
    return min(rows, key=lambda row: row.status != status).category if rows else None


def _may(row: ErrorRow, status: int) -> bool:
    """A number means something at its own status only; a 401 is about the key, or about money, and a 403 knows the
    model that it refuses."""
    if row.status == status:
        return True
    if status == 401 and row.category != "quota_exhausted":
        return False
    if status == 403 and row.category == "model_not_found":
        return False
    return not all(name.isdigit() for name in row.names[0])


# Where else a phrase of three words and more counts: gateways and servers change the status and keep the words.
_ALSO: Final = MappingProxyType(
    {
        "authentication_error": (None, 400, 403, 500),
        "quota_exhausted": (None, 400, 403, 500),
        "context_length_exceeded": (None, 400, 413, 422, 500),
    }
)


@functools.cache
def _phrases() -> dict[int | None, tuple[tuple[said.Phrase, str], ...]]:
    """The table's phrases by status, the longest first."""
    found: dict[int | None, list[tuple[said.Phrase, str]]] = {}
    told = [(words, row) for row in error_rows() if not row.both for words in row.words]
    for words, row in sorted(told, key=lambda one: -len(one[0])):
        also = _ALSO.get(row.category, (None,)) if words.count(" ") >= 2 else ()
        for status in {row.status, *also}:
            found.setdefault(status, []).append((said.Phrase(words), row.category))
    return {status: tuple(phrases) for status, phrases in found.items()}


def _by_phrase(status: int | None, text: str) -> str | None:
    return next((name for words, name in _phrases().get(status, ()) if words.search(text)), None)


# Words of any provider.


def _by_words(status: int | None, words: str, *, waits: bool) -> str | None:
    if status in _CERTAIN:
        return None
    if status == 429:
        return _too_many(words, waits=waits)
    if status in (404, 410):
        return _not_there(words)
    if status is not None and status >= 500:
        return _first(words, _OF_THE_SERVER)
    if status == 413 and said.RATE.search(words):
        return "rate_limited"
    return _first(words, _REJECTIONS if status != 405 else _FEATURES)


def _too_many(words: str, *, waits: bool) -> str | None:
    """429. Google and DashScope say of a minute's rate what OpenAI says of the money; who tells a wait means a rate."""
    if said.MONEY.search(words):
        return "quota_exhausted"
    if said.RATE.search(words):
        return "rate_limited"
    if said.OVERLOADED.search(words):
        return "overloaded"
    return "quota_exhausted" if said.MONEY_MAYBE.search(words) and not waits else None


def _not_there(words: str) -> str | None:
    if said.UNSUPPORTED.search(words):
        return "not_supported"
    return "model_not_found" if said.SAYS_MODEL.search(words) else None


_FEATURES: Final = ((said.UNSUPPORTED.search, "not_supported"),)
_REJECTIONS: Final = (
    (said.MONEY.search, "quota_exhausted"),
    (said.RATE_SAID.search, "rate_limited"),
    (said.AUTH.search, "authentication_error"),
    (said.overflows, "context_length_exceeded"),
    (said.FILTERED.search, "content_filter"),
    (said.MONEY_MAYBE.search, "quota_exhausted"),
    (said.over_quota, "quota_exhausted"),
    (said.BAD_MODEL.search, "model_not_found"),
    (said.BLOCKED.search, "permission_denied"),
    (said.COLD.search, "overloaded"),
    *_FEATURES,
)
_OF_THE_SERVER: Final = (
    (said.MONEY.search, "quota_exhausted"),
    (said.AUTH.search, "authentication_error"),
    (said.overflows, "context_length_exceeded"),
    (said.OVERLOADED.search, "overloaded"),
    (said.RATE_SAID.search, "rate_limited"),
    *_FEATURES,
)


def _first(words: str, kinds: tuple[tuple[Callable[[str], object], str], ...]) -> str | None:
    return next((name for means, name in kinds if means(words)), None)


# The status.


@functools.cache
def _statuses() -> dict[int | None, str]:
    return {row.status: row.category for row in error_rows() if not (row.names or row.words or row.silent or row.host)}


def _by_status(status: int | None) -> str:
    if status is None:
        return "server_error"
    if status < 400:
        return "invalid_response"  # a redirect that nobody follows is no answer of an API
    return _statuses().get(status, "server_error" if status >= 500 else "invalid_request")

"""Keep secrets out of everything that people or machines read: messages, causes, logs, reprs.

Three nets: the secrets that we know (keys and passwords from the configuration, handed in at construction), the shapes
that keys have, and what URLs carry. A known secret is removed wherever it stands, in the spellings that libraries give
it, also with its line end, which is how h11 prints a bad header.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, unquote

from beastmode_otel.errors.urls import MASK, public_url, secrets_in_url

_MIN_SECRET: Final = 6  # shorter "secrets" (EMPTY, none) are placeholders of local servers; masking them garbles texts
_REMEMBERED: Final = 64  # logins of an app's clients

_SHAPES: Final = (
    re.compile(r"\b(?:sk|pk|rk|gsk|xai|pplx|hf|r8|nvapi|key|AIza)[-_][A-Za-z0-9_\-*.]{8,}"),
    re.compile(r"\bAIza[A-Za-z0-9_\-]{20,}"),
    re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=\-]{8,}"),
    re.compile(
        r"(?i)\b((?:api[-_]?key|access[-_]?token|x-api-key|authorization|secret|password)\"?'?\s*[=:]\s*\"?'?)[^\s\"'&,;]{4,}"
    ),
)
_URL_IN_TEXT: Final = re.compile(r"://([^\s\"'<>\\]{1,2048})")
_PERCENT: Final = re.compile(r"%[0-9A-F]{2}")


class Redactor:
    """Removes known secrets and whatever looks like one. Safe to share between threads.

    shapes: whether texts are searched for what looks like a key; our own words about settings look so, too.
    """

    def __init__(self, secrets: Iterable[str] = (), *, shapes: bool = True) -> None:
        self._secrets, self._shapes = tuple(secrets), _SHAPES if shapes else ()
        self._others: dict[tuple[str, ...], Redactor] = {}
        known = {part for secret in self._secrets for part in (secret, secret.strip())}
        spelled = {text for part in known if len(part.strip()) >= _MIN_SECRET for text in _spellings(part)}
        self._known = sorted(spelled, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """`text` without secrets. Never raises; text without a secret comes back unchanged."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        if "://" in text:
            text = _URL_IN_TEXT.sub(_public, text)
        for shape in self._shapes:
            text = shape.sub(_masked, text)
        return text

    def knowing(self, logins: tuple[str, ...], query: str = "") -> Redactor:
        """One that knows these as well: values of headers (`Bearer KEY`: the key alone, too), keys in a URL's query.

        Clients send the same with each request, so it is remembered.
        """
        if not logins and not query:
            return self
        known = self._others.get((query, *logins))
        if known is None:
            if len(self._others) >= _REMEMBERED:
                self._others.clear()
            parts = [login.rpartition(" ")[2] for login in logins]
            known = Redactor([*self._secrets, *logins, *parts, *secrets_in_url(f"?{query}")])
            self._others[query, *logins] = known
        return known

    def __repr__(self) -> str:
        return f"Redactor({len(self._known)} secrets)"


def _spellings(secret: str) -> Iterator[str]:
    """A secret as it stands in a text, in a repr (whichever quotes it is in), in JSON, in bytes and in a URL."""
    for plain in (secret, unquote(secret)):
        if len(plain.strip()) < _MIN_SECRET:
            continue
        raw = plain.encode("utf-8", "surrogatepass")
        escaped = plain.encode("unicode_escape").decode("ascii")
        yield from (plain, escaped, repr(raw)[2:-1], json.dumps(plain)[1:-1])
        yield from (escaped.replace(mark, f"\\{mark}") for mark in "'\"")
        for kept in ("", "/", "!$&'()*+,;=:", "!$&'()*+,;=:/?@"):
            percent = quote(raw, safe=kept)
            yield from (percent, _PERCENT.sub(lambda code: code[0].lower(), percent))


def _public(found: re.Match[str]) -> str:
    scheme = "any"
    return public_url(f"{scheme}{found[0]}").removeprefix(scheme)


def _masked(match: re.Match[str]) -> str:
    return "".join(group for group in match.groups() if group) + MASK


# Settings that somebody wrote.

_LONGEST: Final = 200
_NO_SECRETS: Final = Redactor()
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LIKE_A_KEY: Final = re.compile(r"(?=.*[0-9])(?=.*[a-z]).{16,}|[0-9a-fA-F]{16,}")
_ADDRESSES: Final = re.compile(r"(?i)\w+_(?:proxy|endpoint|url|uri|dsn)")
_HEADERS: Final = re.compile(r"(?i)\w+_headers")


def shown(value: object) -> str:
    """The repr of a setting's value as people may see it: short, and without what is secret in a URL or a key."""
    if not isinstance(value, str):
        return f"a value of type {type(value).__name__}"
    text = _NO_SECRETS(public_url(value))
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def shown_variable(name: str) -> str:
    """The name of an environment variable as people may see it: some write the key itself where its name belongs."""
    is_name = _VARIABLE.fullmatch(name) and not _LIKE_A_KEY.fullmatch(name) and _NO_SECRETS(name) == name
    return name if is_name else MASK


def secrets_in_environ(environ: Mapping[str, str], *, doubtful: bool = False) -> list[str]:
    """What no text may show of variables that hold addresses (proxies, exporters, stores) or headers.

    doubtful: see `secrets_in_url`.
    """
    found: list[str] = []
    for name, value in environ.items():
        if _ADDRESSES.fullmatch(name):
            found += secrets_in_url(value, doubtful=doubtful)
        elif _HEADERS.fullmatch(name):
            found += _header_values(value)
        elif name == "BEASTMODE_SECRET":
            found.append(value)
    return [secret for secret in dict.fromkeys(found) if secret]


def _header_values(text: str) -> Iterator[str]:
    """Of `name=value,name=value`, and of lines `name: value`; also of what is neither."""
    for pair in re.split(r"[,\n]", text):
        held = re.split(r"[=:]", pair, maxsplit=1)[-1].strip()
        for value in (held, unquote(held)):
            yield from (value, value.rpartition(" ")[2])


# Causes.


class RedactedError(Exception):
    """Stands in as `__cause__` for a foreign exception whose own text holds a secret."""


def safe_cause(exc: BaseException, redact: Callable[[str], str]) -> BaseException:
    """`exc` itself when neither it nor anything it chains to shows a secret, else a stand-in without one."""
    if all(redact(text) == text for text in map(_text, _chain(exc))):
        return exc
    return RedactedError(f"{type(exc).__module__}.{type(exc).__qualname__}: {redact(str(exc))}")


def _text(exc: BaseException) -> str:
    request = getattr(exc, "_request", "")  # httpx's exceptions hold it, and with it the URL
    return f"{exc!s} {exc.args!r} {getattr(exc, '__notes__', '')!r} {request!r}"


def _chain(exc: BaseException) -> Iterable[BaseException]:
    seen: set[int] = set()
    todo: list[BaseException] = [exc]
    while todo:
        current = todo.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = current.exceptions if isinstance(current, BaseExceptionGroup) else ()
        todo.extend(link for link in (current.__cause__, current.__context__, *inner) if link is not None)

"""Keep secrets out of everything that people or machines read: messages, causes, logs, reprs.

Two nets: the secrets that we know (keys from the configuration, handed in at construction), and the shapes that keys
have. A known secret is removed wherever it stands, also with its line end, which is how h11 prints a bad header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

MASK: Final = "[redacted]"
_MIN_SECRET: Final = 6  # shorter "secrets" (EMPTY, none) are placeholders of local servers; masking them garbles texts

_SHAPES: Final = (
    re.compile(r"\b(?:sk|pk|rk|gsk|xai|pplx|hf|r8|nvapi|key|AIza)[-_][A-Za-z0-9_\-*.]{8,}"),
    re.compile(r"\bAIza[A-Za-z0-9_\-]{20,}"),
    re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=\-]{8,}"),
    re.compile(
        r"(?i)\b((?:api[-_]?key|access[-_]?token|x-api-key|authorization|secret|password)\"?'?\s*[=:]\s*\"?'?)[^\s\"'&,;]{4,}"
    ),
    re.compile(r"(?<=://)[^/\s?#]+(?=@)"),
)


class Redactor:
    """Removes known secrets and whatever looks like one. Immutable; safe to share between threads."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {part for secret in secrets for part in (secret, secret.strip()) if len(part.strip()) >= _MIN_SECRET}
        self._known = sorted({spelled for part in known for spelled in _spellings(part)}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """`text` without secrets. Never raises; text without a secret comes back unchanged."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        for shape in _SHAPES:
            text = shape.sub(_masked, text)
        return text

    def __repr__(self) -> str:
        return f"Redactor({len(self._known)} secrets)"


def _spellings(secret: str) -> set[str]:
    """A secret as it stands in a text, in a repr (whichever quotes it is in), in JSON and in a URL."""
    escaped = secret.encode("unicode_escape").decode("ascii")
    quoted = {escaped.replace(mark, f"\\{mark}") for mark in "'\""}
    return {secret, escaped, *quoted, quote(secret, safe="")}


def _masked(match: re.Match[str]) -> str:
    return "".join(group for group in match.groups() if group) + MASK


_SECRET_NAMES: Final = re.compile(
    r"(?i)([?&;\s][a-z_-]*(?:pass(?:word|wd)?|pwd|token|secret|key|sig(?:nature)?)=)[^&;\s#]*"
)


def public_url(url: str) -> str:
    """A URL, or a libpq connection string, as people may see it: without its user's name, password, tokens and keys.

    Never raises. A URL that cannot be read loses rather too much: a password may hold what ends the host's part.
    """
    scheme, mark, rest = url.partition("://")
    if mark:
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        _, colon, port = authority.rpartition(":")
        odd = "@" in authority or (colon and not port.isdigit() and not authority.endswith("]"))
        if odd and "@" in rest:
            rest = f"{MASK}@{rest.rpartition('@')[2]}"
    shown = _SECRET_NAMES.sub(rf"\1{MASK}", f" {scheme}{mark}{rest}")
    return shown[1:]


class RedactedError(Exception):
    """Stands in as `__cause__` for a foreign exception whose own text holds a secret."""


def safe_cause(exc: BaseException, redact: Redactor) -> BaseException:
    """`exc` itself when neither it nor anything it chains to shows a secret, else a stand-in without one."""
    if all(redact(text) == text for text in map(_text, _chain(exc))):
        return exc
    return RedactedError(f"{type(exc).__module__}.{type(exc).__qualname__}: {redact(str(exc))}")


def _text(exc: BaseException) -> str:
    return f"{exc!s} {exc.args!r} {getattr(exc, '__notes__', '')!r}"


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

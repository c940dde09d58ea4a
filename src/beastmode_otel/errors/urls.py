"""What a URL carries that nobody may see, and what is left of it: a login, and keys in its query.

A password may hold, unquoted, what ends the host's part of a URL (`/`, `?`, `#`, `@`), so that nobody can tell where it
ends. Then rather too much is taken for a secret.
"""

from __future__ import annotations

import base64
import re
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

MASK: Final = "[redacted]"

_SCHEME: Final = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.\-]+:[/\\]+|[/\\]{2,})")
_FILES: Final = re.compile(r"(?i)\s*(?:file|sqlite|unix):[/\\]{3,}")  # a path follows, and no host
_PATH: Final = re.compile(r"[/.~]|[A-Za-z]:[/\\]")  # how one begins
_HOST: Final = re.compile(r"(?:\[[0-9a-fA-F:.%]+\]|[^:@,\[\]]+)(?::([0-9]{1,5}))?")
_SURE_HOST: Final = re.compile(r"(?i)(?:localhost|(?:\d{1,3}\.){3}\d{1,3}|\[[0-9a-f:.%]+\])(?::\d{1,5})?")
_LAST_PORT: Final = 65_535

_WORDS: Final = (
    "pass(?:word|wd|phrase)?|pwd|token|secret|key|sig(?:nature)?|auth(?:orization)?|credentials?|code|jwt|session"
)
_NAMED: Final = rf"[a-z0-9_.\-]*(?:{_WORDS})"
# In a query, and in libpq's form; a value ends where the next name begins, since it may hold anything else.
_PAIR: Final = re.compile(
    rf"(?is)([?&;#\s]{_NAMED}\s*=\s*)(?:'(?:[^'\\]|\\.)*'?|\"[^\"]*\"?|.*?(?=[&;\s][\w.\-]+\s*=|$))"
)
_SECRET_NAME: Final = re.compile(rf"(?i){_NAMED}s?|.*cookie")


def public_url(url: str) -> str:
    """A URL, or a libpq connection string, as people may see it: without its user's name, password, tokens and keys.

    Never raises. The host is shown where it is sure which one that is.
    """
    head, rest = _cut(url)
    login, _ = _login(head, rest)
    # The two may overlap: the value of an option holds an @, or a password a ? and what looks like an option.
    hidden = [(pair.end(1) - 1, pair.end() - 1) for pair in _PAIR.finditer(f" {rest}")]
    if login is not None:
        hidden.insert(0, (0, len(login)))
    shown, at = head, 0
    for start, end in hidden:
        if start > at or not at:
            shown += f"{rest[at:start]}{MASK}"
        at = max(at, end)
    return shown + rest[at:]


def secrets_in_url(url: str, *, doubtful: bool = False) -> list[str]:
    """Whatever `public_url` takes out, in its parts: a library may print any of them.

    doubtful: also the parts of what may be no login at all, which are often common words.
    """
    head, rest = _cut(url)
    login, certain = _login(head, rest)
    found = [pair[0][len(pair[1]) :].strip("'\"") for pair in _PAIR.finditer(f" {rest}")]
    if doubtful:
        found += [part for value in list(found) for part in re.split(r"[&;#\s]+", value)]
    if login:
        password = login.partition(":")[2]
        found += [login, password, base64.b64encode(unquote(login).encode("utf-8", "surrogatepass")).decode()]
        found += re.split(r"[/?#@:\s\\]+", password or login) if certain or doubtful else ()
    return [secret for secret in dict.fromkeys(found) if secret]


def without_login(url: str) -> tuple[str | None, str]:
    """A URL without its login, and that as Basic authentication sends it; None for what cannot be read as a URL."""
    try:
        parts = urlsplit(url)
        login, _, host = parts.netloc.rpartition("@")
        readable = parts.port is None or parts.port >= 0
    except ValueError:
        readable = False
    if not readable:
        return None, ""
    if not login:
        return url, ""
    name, _, password = login.partition(":")
    basic = f"{unquote(name)}:{unquote(password)}".encode("utf-8", "surrogatepass")
    return urlunsplit(parts._replace(netloc=host)), base64.b64encode(basic).decode("ascii")


def login_in(basic: str) -> list[str]:
    """Name with password, and the password alone, of what Basic authentication sends; nothing of anything else."""
    try:
        login = base64.b64decode(basic, validate=True).decode("utf-8")
    except ValueError:
        return []
    password = login.partition(":")[2]
    return [login, password] if password else []


def is_secret_name(name: str) -> bool:
    """Whether a header, a parameter or a setting of this name carries a secret."""
    return _SECRET_NAME.fullmatch(name) is not None


def _cut(url: str) -> tuple[str, str]:
    """The scheme with its slashes, and what follows."""
    known = _SCHEME.match(url)
    return (url[: known.end()], url[known.end() :]) if known else ("", url)


def _login(head: str, rest: str) -> tuple[str | None, bool]:
    """The part of `rest` that may be somebody's login, None for none. Also: whether it is certain that it is one."""
    before_at = rest.rpartition("@")[0] if "@" in rest else None
    if not head:
        other = _PATH.match(rest) is not None or _PAIR.search(f" {rest}") is not None
        return (None if other else before_at), True
    if _FILES.match(head):
        return None, False
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    hosts = [_HOST.fullmatch(part) for part in authority.split(",")]
    fine = all(host is not None and int(host[1] or 0) <= _LAST_PORT for host in hosts)
    if before_at is None:
        return (None if fine or ":" not in authority else rest), True
    sure = _SURE_HOST.fullmatch(authority) or (fine and ":" not in authority and "." in authority)
    return (None if sure else before_at), not fine

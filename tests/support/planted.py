"""Passwords planted into settings, and finding what is left of them in whatever comes out."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

FIRST, SECOND = "Pl4nted", "S3cr3tly"  # each is long enough to be a password by itself
ODD: Final = (
    *("", "/", "@", "#", "?", "%", ":", " ", "€", "'", "&", "%2F", "//"),
    *("?x&", "@&", "?@"),
)
PASSWORDS: Final = {odd: f"{FIRST}{odd}{SECOND}" for odd in ODD}
QUOTED: Final = {f"{odd} quoted": quote(password, safe="") for odd, password in PASSWORDS.items() if odd}
SPELLED: Final = {**PASSWORDS, **QUOTED}

# A URL with a password, whole and broken in each of the ways that people break them. {} is the password.
WHOLE: Final = "{scheme}://user:{password}@127.0.0.1:1/0"
BROKEN: Final = (
    "{scheme}:/user:{password}@127.0.0.1:1/0",
    "user:{password}@127.0.0.1:1",
    "//user:{password}@127.0.0.1:1",
    "{scheme}://user:{password}@127.0.0.1:port/0",
    "{scheme}://user:{password}@127.0.0.1:99999/0",
    "{scheme}://user:{password}@[::1/0",
    "{scheme}://user:{password}@",
    "{scheme}://{password}@127.0.0.1:1",
    "{scheme}://user:{password}@127.0.0.1:1/ 0",
    " {scheme}://user:{password}@127.0.0.1:1/0\n",
    "{scheme}x://user:{password}@127.0.0.1:1/0",
    "{scheme}://127.0.0.1:1/0?password={password}",
    "{scheme}://127.0.0.1:1/0?api-key={password}#part",
    "{scheme}://127.0.0.1:1/0?password={password}&nonsense=1",
)


def urls(scheme: str, spelled: str) -> Iterator[str]:
    """With this password, the whole one first."""
    for form in (WHOLE, *BROKEN):
        yield form.format(scheme=scheme, password=SPELLED[spelled])


def assert_hidden(text: str, where: str = "") -> None:
    """No part of the password, in no case and no encoding, is in it."""
    low = text.lower()
    for part in (FIRST, SECOND):
        at = low.find(part.lower())
        assert at < 0, f"{where}: …{text[max(0, at - 300) : at + 60]}…"
    for password in PASSWORDS.values():
        for login in (f"user:{password}", password):
            coded = base64.b64encode(login.encode()).decode()
            assert coded not in text, f"{where}: Basic {login}"


def everything_of(error: BaseException) -> str:
    """All that an exception shows or holds, with everything that is shown with it."""
    seen: dict[int, str] = {}
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        held = {name: value for name, value in vars(one).items() if not isinstance(value, BaseException)}
        seen[id(one)] = f"{one} {one!r} {one.args!r} {held!r} {getattr(one, '__notes__', '')!r}"
        todo += [one.__cause__, one.__context__]  # suppressed ones too: reporters such as Sentry show them
    return "\n".join([*seen.values(), *traceback.format_exception(error)])

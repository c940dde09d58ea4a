"""Reading values out of a mapping with errors that say where and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args
from urllib.parse import urlsplit

from beastmode_otel.config.settings import Secret
from beastmode_otel.errors import ConfigError, Redactor
from beastmode_otel.errors.redact import secrets_in_environ, shown, shown_variable
from beastmode_otel.errors.urls import secrets_in_url

D = TypeVar("D")
_HUGE = 1e15  # beyond it nothing here makes sense, and floats are no longer exact
# What other tools call it, where the letters alone would not tell.
_ALIASES = {
    "url": "base_url",
    "api_base": "base_url",
    "endpoint": "base_url",
    "host": "base_url",
    "key": "api_key",
    "token": "api_key",
    "api_type": "kind",
    "targets": "deployments",
    "models": "routes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where settings come from. environ: what env references are looked up in. file: whether a file was read.

    prefixes: whether requests will be made: then the vendors' own variables must be right, since prefixed ids may be
    used, and each route needs a deployment that can be asked.
    """

    environ: Mapping[str, str]
    file: bool = False
    name: str = "configuration"
    prefixes: bool = True

    def fail(self, path: str, problem: str, *hints: str, value: object = None) -> ConfigError:
        """value: what was written there, of which no secret is shown."""
        if isinstance(value, Mapping) and isinstance(value.get("env"), str):
            value = self.environ.get(value["env"])
        held = secrets_in_url(value, doubtful=True) if isinstance(value, str) else []
        redact = Redactor([*secrets_in_environ(self.environ, doubtful=True), *held], shapes=False)
        return ConfigError(redact(f"{self.name}: {path}: {problem}"), hints=tuple(redact(hint) for hint in hints))


class UnsetVariable(ConfigError):
    """An `{ env = "NAME" }` whose variable is not there."""


class Table:
    """One table of the configuration, read key by key; `done()` complains about keys that nobody asked for."""

    def __init__(self, source: Source, path: str, values: object) -> None:
        self.source, self.path = source, path
        if not isinstance(values, Mapping):
            raise source.fail(path or "top level", f"must be a table, not {type(values).__name__}")
        self._values = values
        self._known: list[str] = []
        self._expected: tuple[str, ...] = ()

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def fail(self, key: str, problem: str, *hints: str) -> ConfigError:
        return self.source.fail(self.at(key), problem, *hints, value=self._values.get(key))

    def get(self, key: str, default: Any = None) -> Any:
        self._known.append(key)
        return self._values.get(key, default)

    def expect(self, *names: str) -> Table:
        """What may stand here. A key that is nearly one of them, or another tool's word for it, is told now: before the
        consequence, which is that something is missing."""
        self._expected = names
        for key in self._values:
            if key not in names and _meant(str(key), names):
                raise self._unknown(str(key), names)
        return self

    def has(self, key: str) -> bool:
        return key in self._values

    def table(self, key: str, *, short: str | None = None) -> Table:
        """short: the key of that table that a text in its place is the value of."""
        value = self.get(key, {})
        if short is not None and isinstance(value, str):
            value = {short: value}
        return Table(self.source, self.at(key), value)

    def items(self) -> Iterable[tuple[str, Any]]:
        self._known.extend(self._values)
        for key, value in self._values.items():
            if not isinstance(key, str) or not key:
                raise self.source.fail(self.path, f"the name {key!r} must be a non-empty string")
            yield key, value

    def text(self, key: str, default: str | None = None) -> str | None:
        value = self.get(key)
        if value is None:  # also where a program's mapping says so
            return default
        if isinstance(value, Mapping):
            return self._reference(key, value)
        if not isinstance(value, str) or not value:
            raise self.fail(key, "must be a non-empty string")
        return value

    def required(self, key: str) -> str:
        value = self.text(key)
        if value is None:
            raise self.missing(key, f'write {key} = "…" there')
        return value

    def missing(self, key: str, hint: str) -> ConfigError:
        # Model names have dots, and TOML takes [prices.gpt-4.1] as a table within a table.
        inner = [name for name, value in self._values.items() if isinstance(value, Mapping) and str(name)[:1].isdigit()]
        unquoted = [f'a name with a dot needs quotes, such as "gpt-4.1": {inner[0]!r} is a table here'] if inner else []
        unknown = [str(name) for name in self._values if self._expected and name not in self._expected]
        also = [f"not a setting here: {', '.join(unknown)}"] if unknown and not inner else []
        return self.fail(key, "is missing", hint, *unquoted, *also)

    def choice(self, key: str, choices: Any, default: str | None) -> Any:
        value = self.text(key, default)
        if value is None:
            return None
        allowed = get_args(choices)
        if value not in allowed:
            near = [f"did you mean {one}?" for one in difflib.get_close_matches(value.lower(), allowed, 1)]
            raise self.fail(key, f"is {shown(value)}", *near, f"use one of {', '.join(allowed)}")
        return value

    def number(self, key: str, default: float, *, least: float = 0.0, above: bool = False) -> float:
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(key, f"must be a number, not {type(value).__name__}")
        if not -_HUGE < value < _HUGE:
            raise self.fail(key, "must be a finite number")
        if value < least or (above and value == least):
            raise self.fail(key, f"is {value}", f"use a number {'above' if above else 'from'} {least:g}")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise self.fail(key, f"is {value!r}", "use true or false")
        return value

    def whole(self, key: str, default: int, *, least: int = 0) -> int:
        value = self.number(key, default, least=least)
        if value != int(value):
            raise self.fail(key, f"must be a whole number, not {value}")
        return int(value)

    def secret(self, key: str) -> Secret | None:
        """A secret: an `{ env = "NAME" }` reference; as plain text only from Python, so that no key lies in a file.

        A reference's `default` is meant for local servers that want some key, any key.
        """
        value = self.get(key)
        if value is None or isinstance(value, Secret):
            return value
        if isinstance(value, Mapping):
            return self._clean(key, Secret(self._reference(key, value)))
        if not isinstance(value, str):
            raise self.fail(key, 'must be a reference such as { env = "OPENAI_API_KEY" }')
        if self.source.file:
            raise self.fail(
                key, "is written out in a file", f'name an environment variable: {key} = {{ env = "NAME" }}'
            )
        return self._clean(key, Secret(value))

    def _clean(self, key: str, secret: Secret) -> Secret:
        # A newline at the end is how keys come out of files and secret stores; elsewhere it is a broken key.
        stripped = secret.reveal().strip()
        if not stripped or not stripped.isprintable() or not stripped.isascii():
            raise self.fail(
                key, "holds an empty key, or a character that no HTTP header may carry", "store the key again"
            )
        return Secret(stripped)

    def _reference(self, key: str, value: Mapping[str, Any]) -> str:
        name = value.get("env")
        if set(value) - {"env", "default"} or not isinstance(name, str):
            raise self.fail(key, 'is not a reference; write { env = "NAME" }')
        found = self.source.environ.get(name, value.get("default"))
        if not isinstance(found, str) or not found.strip():
            name = shown_variable(name)
            problem = f"{self.source.name}: {self.at(key)}: the environment variable {name} is not set"
            raise UnsetVariable(problem, hints=(f"export {name}=…",))
        return found

    def fill(self, kind: type[D], defaults: D, **read: Any) -> D:
        """A dataclass of numbers from this table; integers stay integers, and None what is not given. read: fields that
        were read before."""
        values: dict[str, Any] = dict(read)
        for name in kind.__dataclass_fields__.keys() - read.keys():  # type: ignore[attr-defined]
            default = getattr(defaults, name)
            if default is None and self.get(name) is None:
                values[name] = None
            else:
                values[name] = self.whole(name, default) if isinstance(default, int) else self.number(name, default)
        self.done()
        return kind(**values)

    def done(self) -> None:
        for key in self._values:
            if key not in self._known:
                raise self._unknown(str(key), self._known)

    def _unknown(self, key: str, known: Iterable[str]) -> ConfigError:
        meant = _meant(key, known)
        hint = f"did you mean {meant}?" if meant else f"known here: {', '.join(sorted(set(known)))}"
        return self.fail(key, "is not a setting", hint)


def _meant(key: str, known: Iterable[str]) -> str | None:
    """The known name that somebody who wrote `key` had in mind."""
    known = list(known)
    plain = key.strip().lower().replace("-", "_").replace(" ", "_")
    if plain in known or _ALIASES.get(plain) in known:
        return plain if plain in known else _ALIASES[plain]
    return next(iter(difflib.get_close_matches(plain, known, 1)), None)


def port_problem(url: str) -> str | None:
    """What is wrong with the port of a URL, without what may be a password. None: nothing, or worse than that."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    _, colon, port = parts.netloc.rpartition("@")[2].rpartition("]")[2].rpartition(":")
    if not colon or not port or (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        return None
    shown = f"port {port} is" if len(port) < 6 and port.isascii() and port.lstrip("-").isdigit() else "its port is"
    return f"{shown} not between 1 and 65535"

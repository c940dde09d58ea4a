"""What a Collector configuration says about itself: the environment it reads, and its purpose. No YAML parser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# ${env:NAME} and ${env:NAME:-default}: opentelemetry.io/docs/collector/configuration, "Environment variables".
_REFERENCE: Final = re.compile(r"\$\{env:([A-Za-z_]\w*)(?:(:-)([^${}]*))?")
_COMMENT: Final = re.compile(r"(?m)(?:^|(?<=\s))#.*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """default: None where the variable must be set; where one default contains another, its plain beginning."""

    name: str
    default: str | None


def variables(text: str) -> tuple[Variable, ...]:
    """Each once, in the order in which the configuration names them; comments do not count."""
    found: dict[str, Variable] = {}
    for name, has_default, default in _REFERENCE.findall(_COMMENT.sub("", text)):
        variable = Variable(name=name, default=default if has_default else None)
        if name not in found or variable.default is None:  # needed in one place is needed
            found[name] = variable
    return tuple(found.values())


def needed_environment(text: str) -> tuple[str, ...]:
    """The variables that it reads without a default. The Collector takes an unset one for "" and does not complain."""
    return tuple(variable.name for variable in variables(text) if variable.default is None)


def purpose(text: str) -> str:
    """The first sentence of the comment, or the title, that the file begins with; "" where there is none."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#") or not line.strip("# "):
            break
        lines.append(line.lstrip("#").strip())
    return re.split(r"(?<=\.)\s", " ".join(lines), maxsplit=1)[0].rstrip(".")

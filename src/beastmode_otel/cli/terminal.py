"""Text for people: tables that fit the width, colours where they are wanted, no escape codes off a terminal."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TextIO

Tone = Literal["good", "bad", "warn", "dim", "bold"]
_CODES: Final[Mapping[Tone, str]] = {"good": "32", "bad": "31;1", "warn": "33", "dim": "2", "bold": "1"}
_PIPED_WIDTH: Final = 80
_WIDTHS: Final = (60, 110)  # narrower is unreadable, wider is hard to follow
_GAP: Final = "  "
_CLOSE: Final = " "  # between columns whose figures are too wide for more
_LEAST: Final = 8  # what an elastic column keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How to write to one stream."""

    colour: bool = False
    width: int = _PIPED_WIDTH
    blocks: bool = False

    def paint(self, text: str, tone: Tone | None) -> str:
        return f"\x1b[{_CODES[tone]}m{text}\x1b[0m" if self.colour and tone and text else text

    def bar(self, share: float, width: int) -> str:
        full = round(min(max(share, 0.0), 1.0) * width)
        done, rest = ("█", "░") if self.blocks else ("#", "-")
        return done * full + rest * (width - full)


def style_of(stream: TextIO, environ: Mapping[str, str]) -> Style:
    """Colours on a terminal only, and not against NO_COLOR (no-color.org) or TERM=dumb."""
    terminal = stream.isatty()
    plain = bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
    encoding = (getattr(stream, "encoding", "") or "").lower().replace("-", "")
    return Style(
        colour=terminal and not plain,
        width=_width(stream, environ) if terminal else _PIPED_WIDTH,
        blocks=encoding == "utf8",
    )


def _width(stream: TextIO, environ: Mapping[str, str]) -> int:
    try:
        columns = int(environ.get("COLUMNS") or os.get_terminal_size(stream.fileno()).columns)
    except (ValueError, OSError):
        columns = 0
    return min(max(columns or _PIPED_WIDTH, _WIDTHS[0]), _WIDTHS[1])


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and its tone."""

    text: str
    tone: Tone | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """elastic: it gives way when the table is wider than the terminal."""

    title: str
    right: bool = True
    elastic: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], style: Style) -> list[str]:
    """Lines of at most the style's width where columns can give way or move closer, the titles first."""
    head = [Cell(column.title, "dim") for column in columns]
    wanted = [max(len(row[i].text) for row in (head, *rows)) for i in range(len(columns))]
    room = style.width - len(_GAP)
    gap = _GAP if _needed(_fit(wanted, columns, room, _GAP), _GAP) <= room else _CLOSE
    widths = _fit(wanted, columns, room, gap)
    return [_row(row, widths, columns, gap, style) for row in (head, *rows)]


def _needed(widths: Sequence[int], gap: str) -> int:
    return sum(widths) + len(gap) * (len(widths) - 1)


def _fit(wanted: Sequence[int], columns: Sequence[Column], room: int, gap: str) -> list[int]:
    widths = list(wanted)
    over = _needed(widths, gap) - room
    for index, column in enumerate(columns):
        if column.elastic and over > 0:
            cut = min(over, max(0, widths[index] - _LEAST))
            widths[index] -= cut
            over -= cut
    return widths


def _row(row: Sequence[Cell], widths: Sequence[int], columns: Sequence[Column], gap: str, style: Style) -> str:
    padded = []
    for index, (cell, width, column) in enumerate(zip(row, widths, columns, strict=True)):
        text = short(cell.text, width)
        last = index == len(row) - 1
        text = text.rjust(width) if column.right else text if last else text.ljust(width)
        padded.append(style.paint(text, cell.tone))
    return _GAP + gap.join(padded)


def facts(pairs: Sequence[tuple[str, Cell | str]], style: Style) -> list[str]:
    """Names and what they are, in two columns; what is too long goes on in the lines below, in its own column."""
    width = max((len(name) for name, _ in pairs), default=0)
    lines = []
    for name, value in pairs:
        cell = Cell(value) if isinstance(value, str) else value
        pad = _GAP + " " * width + _GAP
        first, *rest = wrapped(cell.text, style, indent=len(pad)) or [pad]
        lines.append(_GAP + style.paint(name.ljust(width), "dim") + _GAP + style.paint(first.strip(), cell.tone))
        lines += [pad + style.paint(line.strip(), cell.tone) for line in rest]
    return [line.rstrip() for line in lines]


def short(text: str, width: int) -> str:
    """On one line, without control characters, and cut to the width."""
    text = "".join(char if char.isprintable() else " " for char in text)
    return text if len(text) <= width else f"{text[: max(0, width - 2)]}.."


def wrapped(text: str, style: Style, *, indent: int) -> list[str]:
    """A paragraph."""
    pad = " " * indent
    clean = "".join(char if char.isprintable() else " " for char in text)
    return textwrap.wrap(clean, style.width, initial_indent=pad, subsequent_indent=pad)

"""Colours only where they are wanted; tables that fit."""

from __future__ import annotations

import io

import pytest

from beastmode_otel.cli import units
from beastmode_otel.cli.terminal import Cell, Column, Style, short, style_of, table


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_on_a_terminal(environ: dict[str, str], colour: bool) -> None:
    assert style_of(Terminal(), environ).colour is colour


def test_piped_is_plain_and_80_wide() -> None:
    assert style_of(io.StringIO(), {"COLUMNS": "300"}) == Style(colour=False, width=80, blocks=False)


@pytest.mark.parametrize(("columns", "width"), [("20", 60), ("100", 100), ("300", 110), ("what", 80)])
def test_width_of_a_terminal(columns: str, width: int) -> None:
    assert style_of(Terminal(), {"COLUMNS": columns}).width == width


def test_padding_is_outside_the_colour_codes_of_its_neighbours() -> None:
    columns = [Column(title="name", right=False), Column(title="n")]
    rows = [[Cell("a"), Cell("10", "bad")], [Cell("longer"), Cell("7")]]
    assert table(columns, rows, Style()) == ["  name     n", "  a       10", "  longer   7"]
    assert table(columns, rows, Style(colour=True))[1] == "  a       \x1b[31;1m10\x1b[0m"


def test_the_elastic_column_gives_way() -> None:
    columns = [Column(title="name", right=False, elastic=True), Column(title="n")]
    lines = table(columns, [[Cell("x" * 100), Cell("7")]], Style(width=60))
    assert max(map(len, lines)) <= 60
    assert lines[1].endswith("..  7")


def test_columns_move_closer_before_a_line_is_too_long() -> None:
    """Only when nothing else gives way, and all lines alike."""
    columns = [Column(title="a"), Column(title="b"), Column(title="c")]
    wide = [[Cell("x" * 19)] * 3]
    assert table(columns, wide, Style(width=63))[1] == "  " + "  ".join(["x" * 19] * 3)
    assert table(columns, wide, Style(width=62))[1] == "  " + " ".join(["x" * 19] * 3)
    assert {len(line) for line in table(columns, wide, Style(width=62))} == {61}


def test_a_bar_is_never_longer_than_it_may_be() -> None:
    assert Style().bar(0.5, 4) == "##--"
    assert Style(blocks=True).bar(7.0, 4) == "████"
    assert Style().bar(-1.0, 4) == "----"


def test_control_characters_never_reach_the_terminal() -> None:
    assert short("a\x1b[31m\nb", 40) == "a [31m b"


def test_units() -> None:
    assert [units.seconds(value) for value in (None, 0.0001, 0.34, 0.9999, 1.318)] == [
        "-",
        "<1 ms",
        "340 ms",
        "1.00 s",
        "1.32 s",
    ]
    assert [units.whole(value) for value in (0, 12345)] == [".", "12,345"]
    assert [units.percent(value) for value in (None, 0.0, 0.125)] == ["-", ".", "12.5%"]
    assert units.dollars(0.12345) == "$0.1235"

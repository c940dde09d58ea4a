"""Times, keys and numbers as people write and read them."""

from __future__ import annotations

import argparse

import pytest

from beastmode_otel.cli.cache.invalidate import digest, duration
from beastmode_otel.cli.cache.output import name
from beastmode_otel.cli.terminal import Cell, Style, facts
from beastmode_otel.cli.units import counted, fine, lasting, size


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "soon", "1w", "1 h 2 m", "nan", "inf", "1e9d", "٣m" * 2])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        duration(text)


def test_digests_are_64_hex_digits() -> None:
    assert digest("aB" * 32) == b"\xab" * 32
    for text in ("", "ab" * 31, "ab" * 33, "g" * 64, " " + "a" * 63):
        with pytest.raises(argparse.ArgumentTypeError):
            digest(text)


def test_names_are_not_empty() -> None:
    assert name("shop") == "shop"
    with pytest.raises(argparse.ArgumentTypeError):
        name("  ")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 s"), (-3, "0 s"), (59.4, "59 s"), (60, "1 m"), (312, "5 m 12 s"), (3600, "1 h"), (86_399, "23 h 59 m"),
        (86_400, "1 d"), (90_000, "1 d 1 h"), (86_460, "1 d"),
    ],
)  # fmt: skip
def test_lasting(value: float, shown: str) -> None:
    assert lasting(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "."), (640, "640 B"), (999.6, "1.0 kB"), (12_345, "12.3 kB"), (123_456, "123 kB"), (2.5e9, "2.5 GB")],
)
def test_size(value: float, shown: str) -> None:
    assert size(value) == shown


def test_fine() -> None:
    assert [fine(value) for value in (None, 0.0, 1.2e-5, 0.0009, 0.0042, 1.5)] == [
        "-", "0 µs", "12 µs", "900 µs", "4 ms", "1.50 s",
    ]  # fmt: skip


def test_counted() -> None:
    assert [counted(n, "entry", "entries") for n in (0, 1, 1234)] == ["0 entries", "1 entry", "1,234 entries"]
    assert counted(2, "tenant") == "2 tenants"


def test_facts_are_aligned_and_go_on_in_their_own_column() -> None:
    lines = facts([("a", "short"), ("longer", Cell("word " * 20, "good")), ("none", "")], Style(width=40))
    assert lines[0] == "  a       short"
    assert lines[1] == "  longer  word word word word word word"
    assert lines[2] == "          word word word word word word"
    assert lines[-1] == "  none"
    assert max(map(len, lines)) <= 40

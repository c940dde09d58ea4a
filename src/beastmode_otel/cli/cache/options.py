"""Options that several cache verbs have, and how their values are written."""

from __future__ import annotations

import argparse
import re
from typing import Final

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_MOST: Final = 100 * 365 * 86_400.0


def add_tenant(parser: argparse.ArgumentParser, default: str = "the configuration's namespace") -> None:
    parser.add_argument("--tenant", type=name, metavar="ID", help=f"whose entries (default: {default})")


def name(text: str) -> str:
    """Anything but nothing."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def digest(text: str) -> bytes:
    """32 bytes, as 64 hex digits."""
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        hint = "; `cache get` shows the whole key for its first digits" if text else ""
        raise argparse.ArgumentTypeError(f"{text!r} is not 64 hex digits{hint}")
    return bytes.fromhex(text)


def duration(text: str) -> float:
    """Seconds: 90, 90s, 15m, 24h, 7d."""
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 0 < seconds <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no time above 0, such as 90s, 15m, 24h, 7d")
    return seconds

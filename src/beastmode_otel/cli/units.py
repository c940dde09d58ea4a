"""Numbers as people read them. Pure."""

from __future__ import annotations


def seconds(value: float | None) -> str:
    """340 ms, 1.32 s; a dash for what is not there."""
    if value is None:
        return "-"
    if value < 0.0005:
        return "<1 ms"
    return f"{value * 1000:.0f} ms" if value < 0.9995 else f"{value:.2f} s"


def whole(value: float) -> str:
    """12,345; a dot for nothing, which lets the rest stand out in a table."""
    return f"{value:,.0f}" if value else "."


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f}%" if share else "."


def dollars(value: float) -> str:
    """Four decimals: one call costs a fraction of a cent."""
    return f"${value:,.4f}"

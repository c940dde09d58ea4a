"""Numbers as people read them. Pure."""

from __future__ import annotations

from typing import Any

_DIGITS = 6  # of a second, of a dollar: more would be noise


def rounded(value: Any) -> Any:
    """Plain values without digits that mean nothing."""
    match value:
        case float():
            return round(value, _DIGITS)
        case dict():
            return {key: rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [rounded(each) for each in value]
    return value


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


def fine(value: float | None) -> str:
    """As `seconds`, for what is over before a millisecond is: 12 µs."""
    if value is None:
        return "-"
    return f"{value * 1e6:.0f} µs" if value < 0.0009995 else seconds(value)


def lasting(value: float) -> str:
    """A stretch of time in its two largest units: 42 s, 5 m 12 s, 23 h 59 m, 2 d 4 h."""
    left = round(max(0.0, value))
    units = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
    first = next((index for index, (_, size) in enumerate(units) if left >= size), len(units) - 1)
    parts: list[str] = []
    for name, size in units[first : first + 2]:
        count, left = divmod(left, size)
        if count or not parts:
            parts.append(f"{count} {name}")
    return " ".join(parts)


def size(value: float) -> str:
    """Bytes, in thousands: 640 B, 12.3 kB, 1.5 MB; a dot for nothing."""
    if not value:
        return "."
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """1 entry, 12,345 entries."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"

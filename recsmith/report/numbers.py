"""Numbers as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime

NONE = "–"
SPACE = "\u00a0"
"""Between a number and its unit, so that they stay on one line."""


def score(value: float | None, digits: int = 4) -> str:
    """A metric, e.g. ``0.1234``."""
    return NONE if value is None else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 4) -> str:
    """A difference with its sign; a true minus."""
    return NONE if value is None else f"{value:+.{digits}f}".replace("-", "−")


def percent(value: float | None, digits: int = 1) -> str:
    """A share, e.g. ``12.3 %``."""
    return NONE if value is None else f"{100 * value:.{digits}f}{SPACE}%".replace("-", "−")


def signed_percent(value: float | None, digits: int = 1) -> str:
    """A relative change, e.g. ``+4.2 %``."""
    return NONE if value is None else f"{100 * value:+.{digits}f}{SPACE}%".replace("-", "−")


def count(value: float | None) -> str:
    """A whole number with thousands set apart, e.g. ``100,836``."""
    return NONE if value is None else f"{value:,.0f}"


def size(value: float | None) -> str:
    """Bytes in the unit that suits, e.g. ``1.2 MB`` (decimal units)."""
    if value is None:
        return NONE
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 1000 or unit == "GB":
            return f"{value:.0f}{SPACE}B" if unit == "B" else f"{value:.{_digits(value)}f}{SPACE}{unit}"
        value /= 1000
    return NONE


def milliseconds(value: float | None) -> str:
    """A duration in ms, e.g. ``0.84 ms``."""
    return NONE if value is None else f"{value:,.{_digits(value)}f}{SPACE}ms"


def seconds(value: float | None) -> str:
    """A duration, e.g. ``3.2 s`` or ``4 min 10 s``."""
    if value is None:
        return NONE
    minutes, rest = divmod(round(value), 60)
    return f"{value:.1f}{SPACE}s" if value < 60 else f"{minutes}{SPACE}min {rest}{SPACE}s"


def p_value(value: float | None) -> str:
    """A p-value, e.g. ``0.012`` or ``< 0.001``."""
    if value is None:
        return NONE
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def day(timestamp: int) -> str:
    """The day of a moment in UTC seconds."""
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d}"


def plain(value: object) -> str:
    """Any plain value: whole numbers with thousands set apart, others to four digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return "" if value is None else str(value)
    return count(value) if isinstance(value, int) else f"{value:.4g}"


def _digits(value: float) -> int:
    return 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0

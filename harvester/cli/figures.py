"""Figures as people read them."""

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def count(number: int) -> str:
    """``1234567`` as ``1,234,567``."""
    return f"{number:,}"


def counted(number: int, one: str, more: str = "") -> str:
    """``1 gap``, ``1,234 gaps``; ``more`` is the plural, if it is not made by an ``s``."""
    return f"{count(number)} {one if number == 1 else more or f'{one}s'}"


def amount(size: float) -> str:
    """Bytes with a unit: ``12.3 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 1_000:  # noqa: PLR2004  (the step between two units)
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1_000
    return f"{size:.1f} TB"


def duration(seconds: float) -> str:
    """Seconds in the two largest units that matter: ``3 h 12 min``."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"  # noqa: PLR2004  (one digit more below ten)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"

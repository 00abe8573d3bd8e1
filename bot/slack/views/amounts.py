"""Sizes, durations and times as text; sizes and ages in the format of `docker images`."""

import math
from datetime import UTC, datetime
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR

_LESS_THAN_TEN: Final = 10
"""The limit in seconds below which durations show tenths."""

_FOUR_DIGITS: Final = 999.5
"""From here a value is rounded to four digits."""

_WHOLE: Final = 100
"""From here all three digits are before the point."""


def size(count: int) -> str:
    """Return bytes in decimal units with three significant digits: `241MB`, `1.02GB`."""
    value = float(max(count, 0))
    for unit in ("B", "kB", "MB", "GB"):
        if value < _FOUR_DIGITS:
            return f"{_three_digits(value)}{unit}"
        value /= 1000
    return f"{_three_digits(value)}TB"


def duration(seconds: float) -> str:
    """Return a duration as text: `8.4 s`, `42 s`, `2 min 10 s`, `1 h 5 min`."""
    if not math.isfinite(seconds):
        return "an unknown time"
    # If the clock is set back during a step, no negative time may appear.
    seconds = max(seconds, 0.0)
    if seconds < _LESS_THAN_TEN - 0.05:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _two_units(whole // _MINUTE, "min", whole % _MINUTE, "s")
    return _two_units(whole // _HOUR, "h", whole % _HOUR // _MINUTE, "min")


def moment(at: datetime) -> str:
    """Return a point in time as text: `2026-11-23 19:50 UTC`."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(' ', 'minutes')} UTC"


def moment_beside(at: datetime, other: datetime) -> str:
    """Return a point in time, without its date if the other one is on the same day: `19:50 UTC`."""
    same_day = at.astimezone(UTC).date() == other.astimezone(UTC).date()
    return moment(at).partition(" ")[2] if same_day else moment(at)


def age(at: datetime, now: datetime) -> str:
    """Return an age in Docker's words: `3 minutes ago`, `About an hour ago`."""
    seconds = (now - at).total_seconds()
    if seconds < 1:
        return "Less than a second ago"
    return f"{_about(int(seconds))} ago"


def ordinal(number: int) -> str:
    """Return an ordinal number: `1st`, `2nd`, `3rd`, `11th`."""
    last_two, last = number % 100, number % 10
    ending = {1: "st", 2: "nd", 3: "rd"}.get(last, "th") if last_two not in (11, 12, 13) else "th"
    return f"{number:,}{ending}"


def _three_digits(value: float) -> str:
    return f"{value:.3g}" if value < _WHOLE else f"{value:.0f}"


def _two_units(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large:,} {large_unit} {small} {small_unit}" if small else f"{large:,} {large_unit}"


def _about(seconds: int) -> str:
    """Follow HumanDuration of Docker's go-units, bounds included."""
    match seconds:
        case 1:
            return "1 second"
        case _ if seconds < _MINUTE:
            return f"{seconds} seconds"
        case _ if seconds < 2 * _MINUTE:
            return "About a minute"
        case _ if seconds < _HOUR:
            return f"{seconds // _MINUTE} minutes"
    return _about_hours((seconds + _HOUR // 2) // _HOUR)


def _about_hours(hours: int) -> str:
    match hours:
        case 1:
            return "About an hour"
        case _ if hours < 2 * 24:
            return f"{hours} hours"
        case _ if hours < 2 * 7 * 24:
            return f"{hours // 24} days"
        case _ if hours < 2 * 30 * 24:
            return f"{hours // (7 * 24)} weeks"
        case _ if hours < 2 * 365 * 24:
            return f"{hours // (30 * 24)} months"
    return f"{hours // (365 * 24)} years"

"""Reports the configured limits."""

from bot.doctor.report import Good, Verdict
from bot.settings import Settings
from commands.text import count_of


def limits_in_force(settings: Settings) -> Verdict:
    """List the limits in readable units."""
    return Good(
        f"{count_of(settings.builds_at_once, 'build')} at once; a build ends after "
        f"{_time(settings.build_seconds)}, or {_time(settings.idle_seconds)} of silence; a proposal waits "
        f"{_time(settings.review_seconds)}; stopping waits {_time(settings.grace_seconds)}"
    )


def _time(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"

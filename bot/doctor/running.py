"""Runs all checks concurrently, each in a separate thread, so that one that hangs or fails does not hide others."""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

import structlog

from bot.doctor.report import Fault, Line, Report, Verdict, fault_of
from commands.errors import Problem

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Check:
    """A named check; if `look` raises a `Problem`, that is the verdict."""

    name: str
    look: Callable[[], Verdict]


def run(checks: Sequence[Check], *, seconds: float) -> Report:
    """Run all checks; one that has not ended after `seconds` is a fault."""
    results: queue.SimpleQueue[tuple[int, Verdict]] = queue.SimpleQueue()
    for place, check in enumerate(checks):
        # Daemon threads: the program may exit while one of them still hangs.
        threading.Thread(target=_tell, args=(place, check, results), name=f"check-{check.name}", daemon=True).start()
    verdicts = _collect(results, len(checks), seconds)
    late = Fault(f"No answer within {seconds:g} s.", "Check whether it hangs or is overloaded, then try again.")
    return Report(tuple(Line(check.name, verdicts.get(place, late)) for place, check in enumerate(checks)))


def _collect(results: "queue.SimpleQueue[tuple[int, Verdict]]", count: int, seconds: float) -> dict[int, Verdict]:
    end, verdicts = monotonic() + seconds, dict[int, Verdict]()
    while len(verdicts) < count:
        try:
            place, verdict = results.get(timeout=max(0.0, end - monotonic()))
        except queue.Empty:
            break
        verdicts[place] = verdict
    return verdicts


def _tell(place: int, check: Check, results: "queue.SimpleQueue[tuple[int, Verdict]]") -> None:
    try:
        verdict = check.look()
    except Problem as problem:
        verdict = fault_of(problem)
    except Exception as error:
        # The thread's boundary: a defect of one check is a line of the report.
        log.exception("check_broke", check=check.name)
        verdict = Fault(f"The check itself failed: {type(error).__name__}: {error}", "Report this as a bug.")
    results.put((place, verdict))

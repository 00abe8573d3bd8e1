"""What the fake engine's build steps and containers do: they run the toy shell."""

from collections.abc import Iterator

from commands.engine.interface import BuildOrder, RunOrder, RunOutcome
from commands.errors import BuildFailed, BuildStopped, BuildTimedOut, Problem
from commands.model.events import LogLine, StepFailed
from tests.fakes.control import Control
from tests.fakes.shell import Exited, Printed, Slept, played


def step_run(order: BuildOrder, control: Control, number: int, count: int, step: str) -> Iterator[StepFailed | LogLine]:
    """Run a RUN of a Dockerfile; raises a problem when it fails, is silent for too long or is ended from outside."""
    said: list[str] = []
    try:
        for happening in played(step.removeprefix("RUN "), files={}, user="root"):
            match happening:
                case Printed(text):
                    said.append(text)
                    yield LogLine(number, text)
                case Slept(seconds):
                    _bear(order, seconds)
                    control.wait(seconds)
                case Exited(code):
                    _succeed(code, step, f"Step {number} of {count}", tuple(said[-20:]))
    except Problem:
        yield StepFailed(number, 0.0)
        raise


def command_run(order: RunOrder, user: str, control: Control) -> RunOutcome:
    """Run a command in a container of an image with this user of its own (empty: root)."""
    match order.command:
        case ("sh", "-c", script):
            pass
        case _:
            return RunOutcome(127, "", f"exec: {order.command[0]!r}: executable file not found in $PATH")
    printed: dict[bool, list[str]] = {False: [], True: []}
    code: int | None = None
    for happening in played(script, files=order.files, user=order.user or user or "root"):
        match happening:
            case Printed(text, error):
                printed[error].append(f"{text}\n")
            case Slept(seconds) if seconds > order.seconds:
                return RunOutcome(None, "".join(printed[False]), "".join(printed[True]), timed_out=True)
            case Slept(seconds):
                try:
                    control.wait(seconds)
                except BuildStopped:
                    return RunOutcome(None, "", "")
            case Exited(ended):
                code = ended
    return RunOutcome(code, "".join(printed[False]), "".join(printed[True]))


def _bear(order: BuildOrder, seconds: float) -> None:
    if seconds > order.idle_seconds:
        raise BuildTimedOut(f"The build said nothing for {order.idle_seconds:g} s and was ended.", hint="See its log.")


def _succeed(code: int, step: str, where: str, said: tuple[str, ...]) -> None:
    if code != 0:
        raise BuildFailed(f"{where}, `{step}`, ended with exit code {code}.", hint="See the lines below.", details=said)

"""What the fake engine's build steps and containers do: they run the toy shell."""

import re
from collections.abc import Iterator, Mapping

from commands.engine.interface import BuildOrder, RunOrder, RunOutcome
from commands.errors import BuildFailed, BuildStopped, BuildTimedOut, Problem
from commands.model.events import LogLine, StepFailed
from tests.fakes.control import Control
from tests.fakes.dockerfiles import files_in
from tests.fakes.shell import Exited, Printed, Slept, played


def step_run(order: BuildOrder, control: Control, number: int, count: int, step: str) -> Iterator[StepFailed | LogLine]:
    """Run a RUN of a Dockerfile; raises a problem when it fails, is silent for too long or is ended from outside."""
    said: list[str] = []
    try:
        for happening in played(_MOUNT.sub("", step.removeprefix("RUN ")), files=mounted(order, step), user="root"):
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
    files = dict(order.files)
    for happening in played(script, files=files, user=order.user or user or "root", scratch=order.scratch):
        match happening:
            case Printed(text, error):
                printed[error].append(f"{text}\n")
                files |= {} if error else _replied(order, text)
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


_MOUNT = re.compile(r"--mount=type=bind,source=(\S+),target=(\S+)\s+")


def mounted(order: BuildOrder, step: str) -> dict[str, bytes]:
    """Give the files of the context that a step sees, by their paths in it."""
    mounts = _MOUNT.findall(step)
    if not mounts:
        return {}
    sent = files_in(order.context) | {name: path.read_bytes() for name, path in order.files.items()}
    return {
        f"{target}/{name.removeprefix(source + '/')}": content
        for source, target in mounts
        for name, content in sent.items()
        if name.startswith(f"{source}/")
    }


def _replied(order: RunOrder, line: str) -> Mapping[str, bytes]:
    try:
        return order.reply(line) if order.reply else {}
    except Problem:
        raise
    except Exception as fault:
        raise Problem("The bot could not answer a container's request.", hint="Look at its log.") from fault


def _bear(order: BuildOrder, seconds: float) -> None:
    if seconds > order.idle_seconds:
        raise BuildTimedOut(
            f"The build printed nothing for {order.idle_seconds:g} s and was ended.", hint="See its log."
        )


def _succeed(code: int, step: str, where: str, said: tuple[str, ...]) -> None:
    if code != 0:
        raise BuildFailed(f"{where}, `{step}`, ended with exit code {code}.", hint="See the lines below.", details=said)

"""A toy shell: as much of `sh -c` as the contract of the engine uses, so that a fake can hold it without processes."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Printed:
    """A line on stdout, or on stderr."""

    text: str
    error: bool = False


@dataclass(frozen=True, slots=True)
class Slept:
    """The command does nothing for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Exited:
    """The command is over."""

    code: int


Happening = Printed | Slept | Exited


def played(script: str, *, files: Mapping[str, bytes], user: str) -> Iterator[Happening]:
    """Play `echo TEXT [>&2]`, `sleep N`, `exit N`, `cat FILE`, `id -un`, joined by `;`; `Exited` comes last."""
    for command in script.split(";"):
        match shlex.split(command):
            case ["echo", *words, ">&2"]:
                yield Printed(" ".join(words), error=True)
            case ["echo", *words]:
                yield Printed(" ".join(words))
            case ["sleep", seconds]:
                yield Slept(float(seconds))
            case ["exit", code]:
                yield Exited(int(code))
                return
            case ["cat", path] if path in files:
                yield from (Printed(line) for line in files[path].decode().splitlines())
            case ["id", "-un"]:
                yield Printed(user)
            case ["true"] | []:
                pass
            case _:
                yield Printed(f"sh: {command.strip()}: not found", error=True)
                yield Exited(127)
                return
    yield Exited(0)

"""A toy shell: as much of `sh -c` as the contract of the engine uses, so that a fake can hold it without processes."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import inf


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
_SCRATCH = "/tmp/"


def played(script: str, *, files: Mapping[str, bytes], user: str, scratch: int | None = None) -> Iterator[Happening]:
    """Play some commands, joined by `;`; `Exited` comes last.

    They are `echo TEXT [>&2]`, `cat FILE`, `sha256sum FILE`, `id -un`, `true`, `exit N`, `sleep N`,
    `until test -f FILE; do sleep N; done`, `touch FILE` and `head -c N /dev/zero > FILE`. `files` may get more entries
    meanwhile; what a script writes is not kept. With `scratch` only that many bytes in /tmp can be written.
    """
    for command in script.split(";"):
        words = shlex.split(command)
        happenings = _printed(words, files, user) or _timed(words, files) or _written(words, scratch)
        for happening in happenings or _failed(127, f"sh: {command.strip()}: not found"):
            yield happening
            if isinstance(happening, Exited):
                return
    yield Exited(0)


def _printed(words: list[str], files: Mapping[str, bytes], user: str) -> tuple[Happening, ...]:
    match words:
        case ["echo", *said, ">&2"]:
            return (Printed(" ".join(said), error=True),)
        case ["echo", *said]:
            return (Printed(" ".join(said)),)
        case ["cat", path] if path in files:
            return tuple(Printed(line) for line in files[path].decode().splitlines())
        case ["sha256sum", path] if path in files:
            return (Printed(f"{sha256(files[path]).hexdigest()}  {path}"),)
        case ["id", "-un"]:
            return (Printed(user),)
        case _:
            return ()


def _timed(words: list[str], files: Mapping[str, bytes]) -> tuple[Happening, ...]:
    match words:
        case ["sleep", seconds]:
            return (Slept(float(seconds)),)
        case ["until", "test", "-f", path]:
            # What is printed is answered at once: a file that is not there now never comes.
            return (Slept(0 if path in files else inf),)
        case ["exit", code]:
            return (Exited(int(code)),)
        case ["true"] | ["do", "sleep", _] | ["done"] | []:
            return (Slept(0),)
        case _:
            return ()


def _written(words: list[str], scratch: int | None) -> tuple[Happening, ...]:
    match words:
        case ["touch", path]:
            size = 0
        case ["head", "-c", count, "/dev/zero", ">", path]:
            size = int(count)
        case _:
            return ()
    if scratch is None or (path.startswith(_SCRATCH) and size <= scratch):
        return (Slept(0),)
    fault = "No space left on device" if path.startswith(_SCRATCH) else "Read-only file system"
    return _failed(1, f"{words[0]}: cannot write '{path}': {fault}")


def _failed(code: int, words: str) -> tuple[Happening, ...]:
    return Printed(words, error=True), Exited(code)

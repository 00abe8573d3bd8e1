"""Programs for inside a container: the bot reads their source, sends it there, and never runs them itself.

They run on whatever Python from 3.8 on a base has, with nothing but its standard library. Each answers on stdout, in
lines that begin with a word that nobody can know beforehand: an image is free to print anything else between them.
"""

from collections.abc import Iterator
from importlib.resources import files

# Without the folder for work, which Python puts first: an image may have files there that are called like modules.
_INLINE = "import sys; sys.path[:] = filter(None, sys.path); exec(compile(sys.argv.pop(1), 'warroom', 'exec'))"


def source(name: str) -> bytes:
    """Read the source of the program `name`."""
    return files("commands.inside").joinpath(f"{name}.py").read_bytes()


def inline(name: str) -> tuple[str, ...]:
    """Give the arguments by which a Python runs the program `name`, as itself and without any file of it.

    The program's own arguments follow.
    """
    return "-c", _INLINE, source(name).decode()


def answers(output: str, word: str) -> Iterator[str]:
    """Find the answers among all that was printed."""
    prefix = f"{word} "
    return (line[len(prefix) :] for line in output.split("\n") if line.startswith(prefix))

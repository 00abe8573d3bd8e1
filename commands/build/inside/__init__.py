"""Programs for inside a container: the bot reads their source, sends it there, and never runs them itself.

They run on whatever Python from 3.8 on a base has, with nothing but its standard library. Each answers on stdout, in
lines that begin with a word that nobody can know beforehand: an image is free to print anything else between them.
"""

from collections.abc import Iterator
from importlib.resources import files

FOLDER = "/.warroom"
"""Where the programs lie in a throw-away container."""


def source(name: str) -> bytes:
    """Read the source of the program `name`."""
    return files("commands.build.inside").joinpath(f"{name}.py").read_bytes()


def answers(output: str, word: str) -> Iterator[str]:
    """Find the answers among all that was printed."""
    prefix = f"{word} "
    return (line[len(prefix) :] for line in output.split("\n") if line.startswith(prefix))

"""Programs that run inside a container: the bot sends their source there and never runs them itself.

They run on any Python from 3.8 on, with only the standard library. Each answers on stdout, in lines that begin with an
unpredictable word, because an image may print anything else: a `.pth` file runs at every start of Python, and may print
at its end too. So an answer begins with a line end and goes to the file descriptor past `sys.stdout`, which such a file
may replace, and a program ends without the functions that were registered for its end.
"""

from collections.abc import Iterator
from importlib.resources import files

# Without the working directory, which Python puts first: it may contain files with names of modules.
_INLINE = "import sys; sys.path[:] = filter(None, sys.path); exec(compile(sys.argv.pop(1), 'warroom', 'exec'))"


def source(name: str) -> bytes:
    """Return the source of the program `name`."""
    return files("commands.inside").joinpath(f"{name}.py").read_bytes()


def inline(name: str) -> tuple[str, ...]:
    """Return the arguments with which Python runs the program `name` without a file.

    The program's own arguments follow.
    """
    return "-c", _INLINE, source(name).decode()


def answers(output: str, word: str) -> Iterator[str]:
    """Return the answers in a program's output."""
    prefix = f"{word} "
    return (line[len(prefix) :] for line in output.split("\n") if line.startswith(prefix))

"""A Python that prints at every start or end, because a `.pth` file among its packages does so."""

import sys
import sysconfig
import venv
from pathlib import Path

PRINTS = {
    "a line": 'import sys; sys.stdout.write("hello\\n")',
    "text without a line end": 'import sys; sys.stdout.write("hello"); sys.stdout.flush()',
    "text that is written at last": 'import sys; sys.stdout.write("hello")',
    "at its end": 'import atexit; atexit.register(print, "bye")',
    "at its end, without a line end": 'import atexit, os; atexit.register(os.write, 1, b"bye")',
    "binary junk": 'import os; os.write(1, b"\\xff\\x00\\xfe{\\r\\x1b[2J\\xe2\\x82")',
    "JSON": 'import sys; print("{}", flush=True)',
    "much": 'import sys; print("x" * 300_000, end="", flush=True)',
    "much at its end": 'import atexit; atexit.register(print, "x" * 300_000)',
    "on stderr": 'import sys; sys.stderr.write("careful")',
    "to another stdout": "import io, sys; sys.stdout = io.StringIO()",
    "in another encoding": 'import sys; sys.stdout.reconfigure(encoding="utf-16")',
}
"""What such a file does, as its line of code."""


def printing_python(folder: Path, line: str) -> Path:
    """Make an environment of this Python in a new folder, with the line in a `.pth` file; return its Python."""
    venv.create(folder, symlinks=True)
    names = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", vars=names))
    (packages / "printing.pth").write_text(f"{line}\n")
    return folder / "bin" / Path(sys.executable).name

"""Compile the installed packages to bytecode. Runs in a build step as `compile.py OUTPUT`: that of `folders.py`."""

import compileall
import sys

WORD = "warroom-folder "

if __name__ == "__main__":
    for folder in [line[len(WORD) :] for line in sys.argv[1].split("\n") if line.startswith(WORD)]:
        # A module that does not compile is not an error: some packages contain files for other versions of Python.
        compileall.compile_dir(folder, quiet=2, workers=0)

"""Compile the installed packages to bytecode. Runs in a build step as `compile.py FOLDERS`, one per line."""

import compileall
import sys

if __name__ == "__main__":
    for folder in sys.argv[1].splitlines():
        # A module that does not compile is not an error: some packages contain files for other versions of Python.
        compileall.compile_dir(folder, quiet=2, workers=0)

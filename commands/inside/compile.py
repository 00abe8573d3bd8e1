"""Compile what is installed to bytecode. Runs in a build step of the image, as `compile.py FOLDERS`, one a line."""

import compileall
import sys

if __name__ == "__main__":
    for folder in sys.argv[1].splitlines():
        # A module that does not compile is no error: some packages bring files for other versions of Python.
        compileall.compile_dir(folder, quiet=2, workers=0)

"""Compile what is installed to bytecode. Runs in a build step of the image, as `compile.py`."""

import compileall
import sysconfig

if __name__ == "__main__":
    for folder in sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}):
        # A module that does not compile is no error: some packages bring files for other versions of Python.
        compileall.compile_dir(folder, quiet=2, workers=0)

"""Print the folders of installed Python packages, for `compile.py`. Runs in a build step before the installation.

Each is on a separate line after a fixed word, because a `.pth` file of the base may print anything.
"""

import os
import sysconfig

if __name__ == "__main__":
    folders = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    with open(1, "wb", closefd=False) as stdout:
        stdout.write(b"".join(b"\nwarroom-folder " + os.fsencode(folder) + b"\n" for folder in folders))
    os._exit(0)

"""Tell into which folders Python packages are installed, one a line. Runs in a build step, before anything is there."""

import sys
import sysconfig

if __name__ == "__main__":
    sys.stdout.write("\n".join(sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})))

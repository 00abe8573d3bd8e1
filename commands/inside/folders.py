"""Print the folders of installed Python packages, one per line. Runs in a build step before the installation."""

import sys
import sysconfig

if __name__ == "__main__":
    sys.stdout.write("\n".join(sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})))

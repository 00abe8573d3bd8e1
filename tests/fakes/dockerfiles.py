"""What a build context says, for the fake engine."""

import re
import tarfile
from io import BytesIO

from commands.errors import BuildFailed


def dockerfile_in(context: bytes) -> str:
    """Give the Dockerfile of a build context."""
    files = files_in(context)
    if "Dockerfile" not in files:
        raise BuildFailed("The build context has no Dockerfile.", hint="Put one in.")
    return files["Dockerfile"].decode()


def files_in(packed: bytes) -> dict[str, bytes]:
    """Give the files of a tar by path; what is no tar has none."""
    try:
        with tarfile.open(fileobj=BytesIO(packed)) as tar:
            opened = {member.name: tar.extractfile(member) for member in tar if member.isreg()}
            return {name: file.read() for name, file in opened.items() if file}
    except tarfile.TarError:
        return {}


def steps_of(dockerfile: str) -> list[str]:
    """Give the instructions of the last stage that BuildKit counts as steps."""
    joined = re.sub(r"\\\n", " ", dockerfile)
    lines = [line.strip() for line in joined.splitlines()]
    stages = [number for number, line in enumerate(lines) if line.upper().startswith("FROM ")]
    counted = re.compile(r"(FROM|RUN|COPY|ADD|WORKDIR)\s(?!scratch\b)", re.IGNORECASE)
    return [line for line in lines[stages[-1] if stages else 0 :] if counted.match(line)]

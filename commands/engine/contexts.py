"""Build contexts on their way to the daemon."""

import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO


@contextmanager
def sendable(context: bytes, files: Mapping[str, Path]) -> Iterator[bytes | IO[bytes]]:
    """Add files of this host to a build context, and give it as it can be sent.

    It lies on disk meanwhile: the files may be larger than the memory.
    """
    if not files:
        yield context
        return
    with TemporaryFile() as joined:
        _join(joined, context, files)
        joined.seek(0)
        yield joined


def _join(joined: IO[bytes], context: bytes, files: Mapping[str, Path]) -> None:
    # GNU's format: names of wheels are longer than USTAR takes. BuildKit recognises it, other than a PAX header, at the
    # beginning of a tar.
    with tarfile.open(fileobj=joined, mode="w", format=tarfile.GNU_FORMAT) as whole:
        with tarfile.open(fileobj=BytesIO(context)) as given:
            for member in given:
                whole.addfile(member, given.extractfile(member) if member.isreg() else None)
        for name, path in sorted(files.items()):
            with path.open("rb") as content:
                whole.addfile(_member(name, path), content)


def _member(name: str, path: Path) -> tarfile.TarInfo:
    # Without the host's owner and times: the same content is the same context.
    member = tarfile.TarInfo(name)
    member.size, member.mode = path.stat().st_size, 0o644
    return member

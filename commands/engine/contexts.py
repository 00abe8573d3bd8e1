"""Prepares build contexts for sending to the daemon."""

import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO


@contextmanager
def sendable(context: bytes, files: Mapping[str, Path]) -> Iterator[bytes | IO[bytes]]:
    """Yield a build context with files of this host added.

    It is written to disk first, because the files may be larger than the memory.
    """
    if not files:
        yield context
        return
    with TemporaryFile() as joined:
        _join(joined, context, files)
        joined.seek(0)
        yield joined


def _join(joined: IO[bytes], context: bytes, files: Mapping[str, Path]) -> None:
    # GNU format: wheel names are too long for USTAR, and BuildKit does not recognise a tar that begins with a PAX
    # header.
    with tarfile.open(fileobj=joined, mode="w", format=tarfile.GNU_FORMAT) as whole:
        with tarfile.open(fileobj=BytesIO(context)) as given:
            for member in given:
                whole.addfile(member, given.extractfile(member) if member.isreg() else None)
        for name, path in sorted(files.items()):
            with path.open("rb") as content:
                whole.addfile(_member(name, path), content)


def _member(name: str, path: Path) -> tarfile.TarInfo:
    # Without the host's owner and times: the same content gives the same context.
    member = tarfile.TarInfo(name)
    member.size, member.mode = path.stat().st_size, 0o644
    return member

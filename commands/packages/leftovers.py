"""Clears the cache: remains of killed processes, tools and files that nobody uses, a cache of uv that grew."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import structlog

from commands.packages.uv_program import UvProgram

log = structlog.get_logger()

_ABANDONED_SECONDS = 3600.0
"""Work on the cache ends within minutes; what is older was left by a process that was killed."""
_UV_BYTES = 2 << 30
"""The most that uv's own cache of the index's answers may take before it is emptied."""
_UV_SECONDS = 120.0
_TEMPORARY = ("work/uv-*", "tools/fetch-*", "files/incoming-*")


def clear_cache(program: UvProgram, *, now: float, keep_seconds: float, uv_bytes: int = _UV_BYTES) -> int:
    """Remove what is abandoned or was not used for `keep_seconds`; return how many files and folders.

    `now` is in epoch seconds. Other processes may use the same cache.
    """
    abandoned = [path for pattern in _TEMPORARY for path in _older(program.cache, pattern, now - _ABANDONED_SECONDS)]
    unused = [*_older(program.cache, "tools/uv-*", now - keep_seconds), *_files(program.cache, now - keep_seconds)]
    for path in (*abandoned, *unused):
        _remove(path)
    return len(abandoned) + len(unused) + _empty_uv(program, uv_bytes)


def _files(cache: Path, before: float) -> Iterator[Path]:
    return (path for path in _older(cache, "files/*", before) if not path.name.startswith("incoming-"))


def _older(cache: Path, pattern: str, before: float) -> Iterator[Path]:
    for path in cache.glob(pattern):
        # Another process may have removed it.
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                yield path


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _empty_uv(program: UvProgram, most: int) -> int:
    size = _size(program.cache / "uv")
    if size <= most:
        return 0
    outcome = program.run(("cache", "clean"), seconds=_UV_SECONDS)
    log.info("cache_of_uv_emptied", bytes=size, exit_code=outcome.exit_code)
    return 1


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += 0 if path.is_symlink() else path.stat().st_size
    return total

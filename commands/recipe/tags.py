"""Tags of the form `<version>.<build>`: unique, never reused, with increasing build numbers."""

import re
from collections.abc import Iterable
from threading import Lock

DEFAULT_VERSION = "1.0.0"

_BUILD = re.compile(r"(?:.*\.)?([0-9]{1,18})", re.ASCII)


class BuildNumbers:
    """Assigns build numbers: the seconds since 1970, or one more than the highest known one.

    One object per process. Tags of other processes are known from the daemon.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0

    def next(self, now: float, taken: Iterable[str] = ()) -> int:
        """Return the next number at the time `now`, above those in all tags `taken` and all assigned before."""
        highest = max((build_number(tag) or 0 for tag in taken), default=0)
        with self._lock:
            self._last = max(int(now), self._last + 1, highest + 1)
            return self._last

    def next_tag(self, now: float, taken: Iterable[str] = (), *, version: str = DEFAULT_VERSION) -> str:
        """Return the next tag of an image whose current tags are `taken`."""
        return f"{version}.{self.next(now, taken)}"


def build_number(tag: str) -> int | None:
    """Return a tag's last component, or None if it is not a number, as in `latest`."""
    match = _BUILD.fullmatch(tag)
    return int(match[1]) if match else None


def newest(tags: Iterable[str]) -> str | None:
    """Return the tag with the highest build number, or None if no tag has one."""
    numbered = [(number, tag) for tag in tags if (number := build_number(tag)) is not None]
    return max(numbered)[1] if numbered else None

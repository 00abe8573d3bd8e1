"""Uploaded files: an upload is announced, its bytes arrive, and it is completed."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.room.events import SharedFile

MOST_BYTES = 100 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file of the room; `content` is None until its bytes came."""

    id: str
    name: str
    title: str
    length: int
    content: bytes | None = None
    is_complete: bool = False

    @property
    def shared(self) -> SharedFile:
        """How the file appears in a message."""
        return SharedFile(id=self.id, name=self.name, title=self.title, size=self.length)


class Files:
    """All files of a room, by id, and the upload tickets still open."""

    def __init__(self, *, new_secret: Callable[[], str]) -> None:
        self._new_secret = new_secret
        self._files: dict[str, StoredFile] = {}
        self._tickets: dict[str, str] = {}

    def announce(self, *, name: str, length: int) -> tuple[str, str]:
        """Expect so many bytes under that name; give the file's id and the upload's ticket."""
        file_id = f"F{len(self._files) + 1:010d}"
        ticket = self._new_secret()
        self._files[file_id] = StoredFile(id=file_id, name=name, title=name, length=length)
        self._tickets[ticket] = file_id
        return file_id, ticket

    def expected(self, ticket: str) -> int | None:
        """Tell how many bytes the ticket is for; None if the ticket is not in force."""
        file_id = self._tickets.get(ticket)
        return None if file_id is None else self._files[file_id].length

    def receive(self, ticket: str, content: bytes) -> None:
        """Store the bytes of an announced file; the ticket is spent."""
        file_id = self._tickets.pop(ticket)
        self._files[file_id] = replace(self._files[file_id], content=content)

    def complete(self, file_id: str, *, title: str | None) -> StoredFile | None:
        """Finish an upload; None if its bytes never came or it was finished before."""
        file = self._files.get(file_id)
        if file is None or file.content is None or file.is_complete:
            return None
        done = replace(file, title=title or file.title, is_complete=True)
        self._files[file_id] = done
        return done

    def find(self, file_id: str) -> StoredFile | None:
        """Find a finished file."""
        file = self._files.get(file_id)
        return file if file is not None and file.is_complete else None

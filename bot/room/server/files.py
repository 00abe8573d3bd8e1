"""Uploaded files: an upload is announced, its bytes arrive, and it is completed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from pydantic import TypeAdapter

from bot.room.events import SharedFile
from bot.room.server.store import Store

MOST_BYTES = 100 * 1024 * 1024
MOST_BYTES_IN_ALL: Final = 500 * 1024 * 1024
"""The newest files stay; of older ones the room keeps only the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file of the room; `has_arrived` once its bytes are here, `is_complete` once it may be shared.

    `is_text` says that its bytes are UTF-8 without NUL.
    """

    id: str
    name: str
    title: str
    length: int
    has_arrived: bool = False
    is_complete: bool = False
    is_text: bool = True

    @property
    def shared(self) -> SharedFile:
        """How the file appears in a message."""
        return SharedFile(id=self.id, name=self.name, title=self.title, size=self.length, is_text=self.is_text)


_FILE: Final = TypeAdapter(StoredFile)


class RoomFiles:
    """All files of a room, by id, and the upload tickets still open."""

    def __init__(
        self, *, new_secret: Callable[[], str], store: Store | None = None, most_bytes: int = MOST_BYTES_IN_ALL
    ) -> None:
        self._new_secret = new_secret
        self._store = store or Store()
        self._most_bytes = most_bytes
        self._files = {key: _FILE.validate_json(value) for key, value in self._store.entries("file").items()}
        self._last = max((int(key.removeprefix("F")) for key in self._files), default=0)
        self._tickets: dict[str, str] = {}

    def announce(self, *, name: str, length: int) -> tuple[str, str]:
        """Expect so many bytes under that name; give the file's id and the upload's ticket."""
        self._last += 1
        file_id = f"F{self._last:010d}"
        ticket = self._new_secret()
        self._keep(StoredFile(id=file_id, name=name, title=name, length=length))
        self._tickets[ticket] = file_id
        return file_id, ticket

    def expected(self, ticket: str) -> int | None:
        """Tell how many bytes the ticket is for; None if the ticket is not valid."""
        file_id = self._tickets.get(ticket)
        return None if file_id is None else self._files[file_id].length

    def receive(self, ticket: str, content: bytes) -> None:
        """Store the bytes of an announced file; the ticket is spent."""
        file_id = self._tickets.pop(ticket)
        self._make_room_for(len(content))
        self._store.put_content(file_id, content)
        self._keep(replace(self._files[file_id], has_arrived=True, is_text=_is_text(content)))

    def complete(self, file_id: str, *, title: str | None) -> StoredFile | None:
        """Finish an upload; None if its bytes never arrived or it was finished before."""
        file = self._files.get(file_id)
        if file is None or not file.has_arrived or file.is_complete:
            return None
        done = replace(file, title=title or file.title, is_complete=True)
        self._keep(done)
        return done

    def find(self, file_id: str) -> StoredFile | None:
        """Find a finished file."""
        file = self._files.get(file_id)
        return file if file is not None and file.is_complete else None

    def content(self, file_id: str) -> bytes | None:
        """Give the bytes of a finished file, while they are kept."""
        return None if self.find(file_id) is None else self._store.content(file_id)

    def _keep(self, file: StoredFile) -> None:
        self._files[file.id] = file
        self._store.put("file", file.id, _FILE.dump_json(file).decode())

    def _make_room_for(self, length: int) -> None:
        there = sum(file.length for file in self._files.values() if file.has_arrived)
        for file in tuple(self._files.values()):
            if there + length <= self._most_bytes:
                return
            if file.has_arrived:
                self._store.drop_content(file.id)
                self._keep(replace(file, has_arrived=False))
                there -= file.length


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False

"""The trusted certificates: the system's, the configured bundle, and a registry's own in Docker's folder."""

import ssl
from dataclasses import dataclass
from pathlib import Path

DOCKERS_FOLDER = Path("/etc/docker/certs.d")
"""Where a Docker daemon reads certificates: `<host[:port]>/*.crt`."""


class UnreadableCertificates(Exception):
    """A certificate file is malformed or not readable."""

    def __init__(self, file: Path) -> None:
        super().__init__(str(file))
        self.file = file


@dataclass(frozen=True, slots=True)
class Authorities:
    """The trusted certificate files besides the system's, each with its modification time."""

    files: tuple[tuple[Path, int], ...]

    def context(self) -> ssl.SSLContext:
        """Create the TLS context; raises `UnreadableCertificates`."""
        context = ssl.create_default_context()
        for file, _ in self.files:
            try:
                context.load_verify_locations(file)
            except OSError as fault:  # An `SSLError` is one too.
                raise UnreadableCertificates(file) from fault
        return context


class Trust:
    """Reads the folders for each request, so a new certificate applies from the next lookup."""

    def __init__(self, folder: Path | None, bundle: Path | None) -> None:
        self._folder = folder or DOCKERS_FOLDER
        self._bundle = bundle

    def folder_of(self, host: str) -> Path:
        """Return the folder for the certificates of a host (with its port if it has one)."""
        return self._folder / host

    def own(self, host: str) -> Authorities:
        """Return the certificates of this host only."""
        return _authorities_of(_certificates(self.folder_of(host)))

    def authorities(self, host: str) -> Authorities:
        """Return all certificates that are trusted for this host."""
        bundle = (self._bundle,) if self._bundle else ()
        return _authorities_of((*bundle, *_certificates(self.folder_of(host))))


def _certificates(folder: Path) -> tuple[Path, ...]:
    try:
        return tuple(sorted(file for file in folder.iterdir() if file.suffix == ".crt"))
    except OSError:  # Most hosts have no such folder; an unreadable one is ignored.
        return ()


def _authorities_of(files: tuple[Path, ...]) -> Authorities:
    return Authorities(tuple((file, _modified_at(file)) for file in files))


def _modified_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0

"""Whose certificates are trusted: the system's, the configured bundle's, and a registry's own as Docker keeps them."""

import ssl
from dataclasses import dataclass
from pathlib import Path

DOCKERS_FOLDER = Path("/etc/docker/certs.d")
"""Where a Docker daemon reads them: `<host[:port]>/*.crt`."""


class UnreadableCertificates(Exception):
    """A file that should hold certificates does not, or may not be read."""

    def __init__(self, file: Path) -> None:
        super().__init__(str(file))
        self.file = file


@dataclass(frozen=True, slots=True)
class Authorities:
    """The files with certificates that are trusted besides the system's, each with the time of its last change."""

    files: tuple[tuple[Path, int], ...]

    def context(self) -> ssl.SSLContext:
        """Make what checks certificates; raises `UnreadableCertificates`."""
        context = ssl.create_default_context()
        for file, _ in self.files:
            try:
                context.load_verify_locations(file)
            except OSError as fault:  # An `SSLError` is one too.
                raise UnreadableCertificates(file) from fault
        return context


class Trust:
    """Reads the folders anew each time: a certificate that is put there counts from the next look-up on."""

    def __init__(self, folder: Path | None, bundle: Path | None) -> None:
        self._folder = folder or DOCKERS_FOLDER
        self._bundle = bundle

    def folder_of(self, host: str) -> Path:
        """Say where the certificates of a host (with port, where its name has one) belong."""
        return self._folder / host

    def own(self, host: str) -> Authorities:
        """Find the certificates that are there for this host alone."""
        return _authorities_of(_certificates(self.folder_of(host)))

    def authorities(self, host: str) -> Authorities:
        """Find all that is trusted for this host."""
        bundle = (self._bundle,) if self._bundle else ()
        return _authorities_of((*bundle, *_certificates(self.folder_of(host))))


def _certificates(folder: Path) -> tuple[Path, ...]:
    try:
        return tuple(sorted(file for file in folder.iterdir() if file.suffix == ".crt"))
    except OSError:  # Most hosts have no such folder, and one that may not be read helps nobody.
        return ()


def _authorities_of(files: tuple[Path, ...]) -> Authorities:
    return Authorities(tuple((file, _modified_at(file)) for file in files))


def _modified_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0

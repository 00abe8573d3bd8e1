"""Files of a package index in memory: what `FakeResolver` locks, and a `Files` that has them."""

import shutil
import weakref
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock

from commands.errors import BuildFailed, IndexUnreachable
from commands.model.packages import PackageFile

INDEX = "https://index.example/files"
"""Where the files are said to be; nothing listens there."""


def content_of(url: str) -> bytes:
    """Give what the index has at an address."""
    return f"the file at {url}\n".encode()


def a_file(name: str) -> PackageFile:
    """Describe a file of that name as the index does."""
    url = f"{INDEX}/{name}"
    content = content_of(url)
    return PackageFile(name, url, sha256(content).hexdigest(), len(content))


def a_wheel(name: str, version: str = "1.0") -> PackageFile:
    """Describe a wheel for every machine."""
    return a_file(f"{name.replace('-', '_')}-{version}-py3-none-any.whl")


def a_source(name: str, version: str = "1.0") -> PackageFile:
    """Describe an archive of sources."""
    return a_file(f"{name.replace('-', '_')}-{version}.tar.gz")


class FakeFiles:
    """A `Files` that needs no network. What is at an address is `content_of` it unless `contents` says otherwise.

    `contents` may change at any time; an index that is not `reachable` has nothing. The files lie in a folder of their
    own, which goes with this.
    """

    def __init__(self, contents: Mapping[str, bytes] | None = None, *, reachable: bool = True) -> None:
        self.contents = dict(contents or {})
        self.reachable = reachable
        self._folder = Path(mkdtemp(prefix="warroom-fake-files-"))
        self._lock = Lock()
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def gather(
        self,
        files: Sequence[PackageFile],
        *,
        raise_if_stopped: Callable[[], None],
        report: Callable[[str], None] = lambda _: None,
    ) -> Mapping[PackageFile, Path]:
        """See `Files`."""
        return {file: self._path_of(file, raise_if_stopped, report) for file in files}

    def _path_of(self, file: PackageFile, raise_if_stopped: Callable[[], None], report: Callable[[str], None]) -> Path:
        raise_if_stopped()
        path = self._folder / file.sha256
        with self._lock:
            if path.is_file() and sha256(path.read_bytes()).hexdigest() == file.sha256:
                return path
            path.write_bytes(self._fetched(file))
        report(file.name)
        return path

    def _fetched(self, file: PackageFile) -> bytes:
        if not self.reachable:
            raise IndexUnreachable("The package index refused the connection.", hint="Try again in a minute.")
        content = self.contents.get(file.url, content_of(file.url))
        if sha256(content).hexdigest() != file.sha256:
            raise BuildFailed(
                f"The index delivered another file for `{file.name}` than the confirmed one.", hint="Ask again."
            )
        return content

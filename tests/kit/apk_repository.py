"""A signed repository of Alpine packages on loopback; `apk` makes them in containers of an Alpine base."""

import io
import subprocess
import tarfile
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.fakes.loopback import Loopback, LoopbackRequest, Reply, listening
from tests.kit.engine_space import EngineSpace

INDEX = "APKINDEX.tar.gz"
_KEY = "warroom-test.pem"


@dataclass(frozen=True, slots=True)
class ApkPackage:
    """A package with one program of its name, which prints the version.

    `info` has further metadata (`provides`, `depends`); `after_install` is a line of shell.
    """

    name: str
    version: str
    info: Mapping[str, str] = field(default_factory=dict)
    after_install: str = ""

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return f"{self.name}-{self.version}.apk"

    def files(self, folder: str) -> Mapping[str, bytes]:
        """Return what `apk mkpkg` reads, below a folder."""
        program = f"#!/bin/sh\necho {self.version}\n".encode()
        script = {f"{folder}.sh": f"#!/bin/sh\n{self.after_install}\n".encode()} if self.after_install else {}
        return {f"{folder}/usr/bin/{self.name}": program, **script}

    def command(self, folder: str) -> str:
        """Return the line of shell that makes it."""
        known = {"name": self.name, "version": self.version, "arch": "x86_64", "description": "a test"}
        info = " ".join(f"--info '{name}:{value}'" for name, value in {**known, **self.info}.items())
        script = f"--script post-install:{folder}.sh" if self.after_install else ""
        return f"apk mkpkg --sign-key /made/key {info} {script} --files {folder} --output {self.file_name}"


@dataclass(slots=True)
class ApkRepository:
    """What is there, by file names; all of it may be changed at any time. With a `fault` each answer is that status."""

    space: EngineSpace
    server: Loopback
    folder: Path
    files: dict[str, bytes] = field(default_factory=dict)
    fault: int = 0

    @property
    def url(self) -> str:
        """The line of /etc/apk/repositories."""
        return f"http://{self.server.address}"

    @property
    def instruction(self) -> str:
        """The Dockerfile instruction with which a base trusts this repository, and knows no other."""
        return trusting(self.folder, self.url)

    def publish(self, *packages: ApkPackage) -> None:
        """Have exactly these packages."""
        self.files = made(self.space, self.folder, *packages)

    def answer(self, request: LoopbackRequest) -> Reply:
        """Answer as a mirror does."""
        content = self.files.get(request.path.removeprefix("/x86_64/"))
        if self.fault or content is None:
            return Reply(self.fault or 404)
        return Reply(200, parts=[content], length=len(content))


@contextmanager
def apk_repository(space: EngineSpace, folder: Path) -> Iterator[ApkRepository]:
    """Serve an empty repository; its key is in `folder`."""
    new_key(folder)
    with listening() as server:
        repository = ApkRepository(space, server, folder)
        server.respond = repository.answer
        yield repository


def new_key(folder: Path) -> None:
    """Make a key for signatures, with its public half."""
    folder.mkdir(exist_ok=True)
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / _KEY)
    _openssl("ec", "-in", folder / _KEY, "-pubout", "-out", folder / f"{_KEY}.pub")


def trusting(key_folder: Path, *urls: str) -> str:
    """Return the Dockerfile instruction with which a base trusts a key, and asks these repositories alone."""
    key = b64encode(_public_key(key_folder)).decode()
    lines = "".join(f"{url}\\n" for url in urls)
    return f"RUN echo {key} | base64 -d > /etc/apk/keys/{_KEY}.pub && printf '{lines}' > /etc/apk/repositories"


def made(space: EngineSpace, key_folder: Path, *packages: ApkPackage) -> dict[str, bytes]:
    """Make packages and their index, signed; gives all of it by file names."""
    folders = {f"/made/{number}": package for number, package in enumerate(packages)}
    files = {"/made/key": (key_folder / _KEY).read_bytes(), f"/etc/apk/keys/{_KEY}.pub": _public_key(key_folder)}
    for folder, package in folders.items():
        files |= package.files(folder)
    commands = (
        "mkdir /made/out && cd /made/out",
        *(package.command(folder) for folder, package in folders.items()),
        f"apk mkndx --sign-key /made/key --output {INDEX} *.apk >&2",
        "tar -c * | base64",
    )
    order = replace(space.script(" && ".join(commands)), files=files)
    outcome = space.engine.run(order)
    assert outcome.exit_code == 0, outcome
    return _contents(b64decode(outcome.output))


def _public_key(folder: Path) -> bytes:
    return (folder / f"{_KEY}.pub").read_bytes()


def _contents(packed: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        opened = {member.name: archive.extractfile(member) for member in archive}
        return {name: file.read() for name, file in opened.items() if file}


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)

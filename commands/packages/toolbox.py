"""The only place that gets a `uv` for containers: the static binary of uv's own musllinux wheel, for any Linux base."""

import hashlib
import io
import struct
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from commands.engine.interface import Engine
from commands.errors import EngineUnavailable, Misconfigured
from commands.model.images import LocalImage, Platform
from commands.model.packages import PythonRequirement
from commands.packages.platforms import machine
from commands.packages.uv_answer import UvQuestion, problem
from commands.packages.uv_program import UvProgram

TOOL_LABEL = "warroom.tool"
# Top-level names under `.invalid` lead nowhere (RFC 6761): no registry can serve an image of this name.
_REPOSITORY = "warroom.invalid/uv"
_SECONDS = 120.0
_SMALLEST = 1 << 20
# ELF64 little-endian header and program header, as in elf(5).
_HEADER = struct.Struct("<4sBB10xHHIQQQIHHHHHH")
_MAGIC = b"\x7fELF"
_MACHINES = {62: "x86_64", 183: "aarch64"}
_INTERPRETER = 3


class Toolbox:
    """The tools that containers are given, kept in `folder`. Threads may share it."""

    def __init__(self, program: UvProgram, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._lock = Lock()
        self._layers: dict[str, str] = {}

    def static_uv(self, platform: Platform) -> Path:
        """Give the path of a static `uv` of our own version; fetched once per version and machine.

        Raises `IndexUnreachable` and its like where it cannot be fetched, `UnusableBase` for other machines.
        """
        wanted = machine(platform)
        version = self._program.version()
        with self._lock:
            kept = self._folder / f"uv-{version}-{wanted}"
            if not (kept.is_file() and is_static_program(kept.read_bytes(), wanted)):
                self._fetch(version, wanted, kept)
            return kept

    def reference(self, platform: Platform) -> str:
        """Name the image that `uv_image` makes sure of."""
        return f"{_REPOSITORY}:{self._program.version()}-{platform.architecture}"

    def uv_image(self, engine: Engine, platform: Platform) -> str:
        """Make sure that the engine has an image that holds just our `/uv`, and name it; made once per version.

        It is compared by content: labels can be copied. A build mounts it
        (`RUN --mount=type=bind,from=NAME,source=/uv,target=…`), so that nothing of it stays.
        """
        binary = self.static_uv(platform)
        reference = self.reference(platform)
        with self._lock:
            layer = self._layers.get(reference) or _layer_of(one_file_system("uv", binary.read_bytes()))
            self._layers[reference] = layer
            if not _is_made_of(engine.find_image(reference), layer):
                tag = reference.removeprefix(f"{_REPOSITORY}:")
                filesystem = one_file_system("uv", binary.read_bytes())
                engine.import_image(filesystem, _REPOSITORY, tag, {TOOL_LABEL: "uv"})
        if not _is_made_of(engine.find_image(reference), layer):
            raise EngineUnavailable(
                f"The Docker daemon holds another `{reference}` than the one that was just given to it.",
                hint="Find out who else makes images of that name: each build runs it as root.",
            )
        return reference

    def _fetch(self, version: str, wanted: str, kept: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self._folder, prefix="fetch-") as target:
            outcome = self._program.run(fetch_command(version, wanted, target), seconds=_SECONDS)
            if outcome.exit_code != 0:
                question = UvQuestion((PythonRequirement("uv", (), f"=={version}"),), "3", _SECONDS)
                raise problem(outcome, question)
            fetched = Path(target, "bin", "uv")
            if not is_static_program(fetched.read_bytes(), wanted):
                raise Misconfigured(
                    f"The package index delivered a uv {version} that is no static program for {wanted}.",
                    hint="Whoever runs the bot should look at the package index that it uses.",
                )
            fetched.chmod(0o755)
            # Atomic: another process of ours sees the whole file or none.
            fetched.replace(kept)


def _layer_of(filesystem: bytes) -> str:
    """Compute the diff ID of a layer: the hash of its tar."""
    return f"sha256:{hashlib.sha256(filesystem).hexdigest()}"


def _is_made_of(image: LocalImage | None, layer: str) -> bool:
    return image is not None and image.layers == (layer,)


def fetch_command(version: str, wanted: str, target: str) -> tuple[str, ...]:
    """Install uv's wheel for musl, whatever this host is, into a folder of its own."""
    platform = ("--python-platform", f"{wanted}-unknown-linux-musl", "--no-python-downloads", "--quiet")
    # Copied: a hard link would be one file with uv's cache, whose mode we are going to set.
    place = ("--target", target, "--link-mode", "copy")
    return ("pip", "install", "--no-deps", "--only-binary", ":all:", *platform, *place, f"uv=={version}")


def is_static_program(content: bytes, wanted: str) -> bool:
    """Tell whether this is a whole program for that machine which asks for no interpreter, hence for no C library."""
    if len(content) < _SMALLEST or not content.startswith(_MAGIC + b"\x02\x01"):
        return False
    fields = _HEADER.unpack_from(content)
    machine_number, table, entry_size, entries = fields[4], fields[7], fields[11], fields[12]
    if table + entry_size * entries > len(content):
        return False
    kinds = (struct.unpack_from("<I", content, table + entry_size * number)[0] for number in range(entries))
    return _MACHINES.get(machine_number) == wanted and _INTERPRETER not in kinds


def one_file_system(name: str, content: bytes) -> bytes:
    """Pack a root file system of one program; the same content gives the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = len(content), 0o755, 0
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()

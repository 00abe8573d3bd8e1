"""The only place that fetches a `uv` for containers: the static binary of uv's musllinux wheel, for any Linux base."""

import hashlib
import io
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from commands.engine.interface import Engine
from commands.errors import EngineUnavailable, Misconfigured
from commands.memory import Memory
from commands.model.images import LocalImage, Platform
from commands.model.packages import PythonRequirement
from commands.packages.platforms import machine
from commands.packages.uv_answer import UvQuestion, doubtful_projects, problem
from commands.packages.uv_program import UvProgram

TOOL_LABEL = "warroom.tool"
# Names under `.invalid` never resolve (RFC 6761): no registry can serve an image of this name.
_REPOSITORY = "warroom.invalid/uv"
_SECONDS = 120.0
_REMEMBERED = 16
"""Of how many images the layer is remembered: one per version and architecture."""
_SMALLEST = 1 << 20
# ELF64 little-endian header and program header, as in elf(5).
_HEADER = struct.Struct("<4sBB10xHHIQQQIHHHHHH")
_MAGIC = b"\x7fELF"
_MACHINES = {62: "x86_64", 183: "aarch64"}
_INTERPRETER = 3


class Toolbox:
    """The tools for containers, cached in `folder`. Thread-safe.

    `require_genuine` raises a problem if another server answers in place of an index (`IndexClient`).
    """

    def __init__(
        self, program: UvProgram, folder: Path, *, require_genuine: Callable[[str], None] = lambda _: None
    ) -> None:
        self._program = program
        self._folder = folder
        self._require_genuine = require_genuine
        self._lock = Lock()
        self._layers = Memory[str, str](_REMEMBERED)

    def static_uv(self, platform: Platform) -> Path:
        """Return the path of a static `uv` of the host's version; it is fetched once per version and machine.

        Raises `IndexUnreachable` or a similar problem if the fetch fails, `UnusableBase` for other machines.
        """
        wanted = machine(platform)
        version = self._program.version()
        with self._lock:
            kept = self._folder / f"uv-{version}-{wanted}"
            if not (kept.is_file() and is_static_program(kept.read_bytes(), wanted)):
                self._fetch(version, wanted, kept)
            # Tools that nobody uses are removed by their time.
            kept.touch()
            return kept

    def reference(self, platform: Platform) -> str:
        """Return the name of the image that `uv_image` provides."""
        return f"{_REPOSITORY}:{self._program.version()}-{platform.architecture}"

    def uv_image(self, engine: Engine, platform: Platform) -> str:
        """Ensure that the engine has an image with only `/uv`, and return its name; it is created once per version.

        An existing image is compared by content, because labels can be copied. A build mounts it
        (`RUN --mount=type=bind,from=NAME,source=/uv,target=…`), so it leaves nothing in the result.
        """
        binary = self.static_uv(platform)
        reference = self.reference(platform)
        layer = self._layers.get_or_make(reference, lambda: _layer_of(one_file_system("uv", binary.read_bytes())))
        with self._lock:
            if not _is_made_of(engine.find_image(reference), layer):
                tag = reference.removeprefix(f"{_REPOSITORY}:")
                filesystem = one_file_system("uv", binary.read_bytes())
                engine.import_image(filesystem, _REPOSITORY, tag, {TOOL_LABEL: "uv"})
        if not _is_made_of(engine.find_image(reference), layer):
            raise EngineUnavailable(
                f"The Docker daemon has another `{reference}` than the one that was just imported.",
                hint="Find out who else creates images of that name: each build runs it as root.",
            )
        return reference

    def _fetch(self, version: str, wanted: str, kept: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self._folder, prefix="fetch-") as target:
            outcome = self._program.run(fetch_command(version, wanted, target), seconds=_SECONDS)
            if outcome.exit_code != 0:
                for project in doubtful_projects(outcome):
                    self._require_genuine(project)
                question = UvQuestion((PythonRequirement("uv", (), f"=={version}"),), "3", _SECONDS)
                raise problem(outcome, question)
            fetched = Path(target, "bin", "uv")
            if not is_static_program(fetched.read_bytes(), wanted):
                raise Misconfigured(
                    f"The package index delivered a uv {version} that is not a static program for {wanted}.",
                    hint="The operator should check the package index that the bot uses.",
                )
            fetched.chmod(0o755)
            # Atomic: another process of the bot sees the whole file or none.
            fetched.replace(kept)


def _layer_of(filesystem: bytes) -> str:
    """Compute the diff ID of a layer: the hash of its tar."""
    return f"sha256:{hashlib.sha256(filesystem).hexdigest()}"


def _is_made_of(image: LocalImage | None, layer: str) -> bool:
    return image is not None and image.layers == (layer,)


def fetch_command(version: str, wanted: str, target: str) -> tuple[str, ...]:
    """Return the command that installs uv's musl wheel, for any host, into a separate folder."""
    platform = ("--python-platform", f"{wanted}-unknown-linux-musl", "--no-python-downloads", "--quiet")
    # Copied: a hard link would share its mode, which is changed below, with the file in uv's cache.
    place = ("--target", target, "--link-mode", "copy")
    return ("pip", "install", "--no-deps", "--only-binary", ":all:", *platform, *place, f"uv=={version}")


def is_static_program(content: bytes, wanted: str) -> bool:
    """Return whether this is a complete program for that machine without an interpreter, so without a C library."""
    if len(content) < _SMALLEST or not content.startswith(_MAGIC + b"\x02\x01"):
        return False
    fields = _HEADER.unpack_from(content)
    machine_number, table, entry_size, entries = fields[4], fields[7], fields[11], fields[12]
    if table + entry_size * entries > len(content):
        return False
    kinds = (struct.unpack_from("<I", content, table + entry_size * number)[0] for number in range(entries))
    return _MACHINES.get(machine_number) == wanted and _INTERPRETER not in kinds


def one_file_system(name: str, content: bytes) -> bytes:
    """Pack a root file system with one program; the same content gives the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = len(content), 0o755, 0
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()

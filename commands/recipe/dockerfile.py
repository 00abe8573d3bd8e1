"""Writes the Dockerfile of an image: the only place that knows how packages get into one.

Typed text never appears in a line of it. Files of the build context (`context`) name the packages, and the installers
read them through bind mounts; the few values in the Dockerfile itself are checked against their grammar again.
"""

import re
from dataclasses import dataclass, replace
from typing import assert_never

from commands.model.images import BaseImage, ImageId, ImageSpec, PackageManager
from commands.recipe.steps import triggers_of
from commands.text import and_more

RECIPE_FORMAT = 2
"""A part of a specification's hash: raise it whenever the same packages would give a different image."""

REPOSITORY = re.compile(r"[a-z0-9][a-z0-9._/:-]{0,254}")
REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,254}(@sha256:[0-9a-f]{64})?")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?")
IMAGE_ID = re.compile(r"sha256:[0-9a-f]{64}")
EXECUTABLE = re.compile(r"(/[A-Za-z0-9_+.-]+)+")

_MOST_NAMED = 4
"""The most packages in the title of a step."""
_ROOT = frozenset({"", "0", "root", "0:0", "root:root"})

# Every mount is at or below /mnt. BuildKit leaves a mount point that it creates in the image, as an empty folder;
# /mnt exists in every distribution, and the folders below it are in the (read-only) build context.
_OS_MOUNT = "--mount=type=bind,source=os,target=/mnt"
_PYTHON_MOUNT = "--mount=type=bind,source=python,target=/mnt"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A Dockerfile and the titles of its steps, as BuildKit counts: FROM is 1, then triggers, then each RUN."""

    text: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """One RUN: its title in dialogs, its comment, its mounts and the lines of its shell command."""

    title: str
    comment: tuple[str, ...]
    mounts: tuple[str, ...]
    command: tuple[str, ...]

    def __str__(self) -> str:
        lines = (*self.mounts, *self.command)
        return "\n".join((*(f"# {line}" for line in self.comment), "RUN " + " \\\n    ".join(lines)))


@dataclass(frozen=True, slots=True)
class _Uv:
    """The call of uv in a step: its image, and its Python."""

    image: str
    python: str

    @property
    def mounts(self) -> tuple[str, ...]:
        return (_PYTHON_MOUNT, f"--mount=type=bind,from={_require_match(REFERENCE, self.image)},target=/mnt/uv")

    @property
    def checked_python(self) -> str:
        return _require_match(EXECUTABLE, self.python)

    def install(self, requirements: str) -> tuple[str, ...]:
        return (
            # Without --no-config uv would read settings from the base's folders. Every file is there already, so uv
            # uses no index and has no login to leak.
            "/mnt/uv/uv --no-config pip install --offline --no-index --find-links /mnt/files --no-cache",
            # A base's own Python is often marked as externally managed.
            f"--python {self.checked_python} --break-system-packages",
            # The lock is complete: with --no-deps uv installs only confirmed packages and does not resolve again.
            # The verification of the image finds an incomplete lock.
            f"--no-deps --require-hashes {requirements}",
        )

    @property
    def compile(self) -> str:
        # -S: without it Python would run the `.pth` files of the new packages, which are code.
        return f'{self.checked_python} -I -S /mnt/compile.py "$folders"'

    def step(self, title: str, comment: tuple[str, ...], requirements: str) -> "_Step":
        return _Step(
            title=title,
            comment=comment,
            mounts=self.mounts,
            command=(
                # Run before anything is installed, for the same reason.
                f"folders=$({self.checked_python} -I /mnt/folders.py)",
                # On the image's file system, so that uv moves files instead of copying them.
                "&& export TMPDIR=$(mktemp -d)",
                "&& NO_COLOR=1",
                *self.install(requirements),
                f"&& {self.compile}",
                '&& rm -r "$TMPDIR"',
            ),
        )


def write_dockerfile(spec: ImageSpec, *, uv_image: str, ca_bundle: bool = False) -> Recipe:
    """Return the recipe with the Dockerfile of `spec`.

    Args:
        spec: What to build.
        uv_image: The image that holds the static binary `/uv`.
        ca_bundle: The context has a CA bundle (`context_for`), which is trusted only while installing.

    Raises:
        ValueError: A value of the Dockerfile does not match its grammar.
    """
    base = spec.base
    steps = [*_os_steps(spec, ca_bundle=ca_bundle)]
    uv = _Uv(image=uv_image, python=spec.base.python.executable)
    if spec.from_wheels:
        steps.append(_wheels_step(uv, len(spec.from_wheels)))
    if spec.from_source:
        steps.append(_source_step(uv, [package.name for package in spec.from_source], ca_bundle=ca_bundle))
    parts = [
        "# Which packages: os/os-packages.txt and python/*.txt, beside this file.",
        f"FROM {_require_match(REFERENCE, base.pinned)}",
        *_as_root(base.user, [str(step) for step in steps]),
        f"# How the image can tell its own name.\nENV DOCKER_IMAGE={image_name(spec)}",
    ]
    titles = (f"Base {base.reference}", *_trigger_titles(base), *(step.title for step in steps))
    return Recipe(text="\n\n".join(parts).replace("\n\nFROM", "\nFROM") + "\n", steps=titles)


def _trigger_titles(base: BaseImage) -> tuple[str, ...]:
    return tuple(f"Trigger of the base: {' '.join(trigger.split())}" for trigger in triggers_of(base))


def image_name(spec: ImageSpec) -> str:
    """Return the name of the image; raise ValueError if it is malformed."""
    return f"{_require_match(REPOSITORY, spec.name)}:{_require_match(TAG, spec.tag)}"


def _as_root(user: str, steps: list[str]) -> list[str]:
    if not steps or user in _ROOT:
        return steps
    name = _require_match(USER, user)
    return [
        "# Installing takes root.\nUSER root",
        *steps,
        f"# As the base has it.\nUSER {name}",
    ]


def _os_steps(spec: ImageSpec, *, ca_bundle: bool) -> tuple[_Step, ...]:
    if not spec.os_packages:
        return ()
    title = f"OS packages: {and_more([package.name for package in spec.os_packages], _MOST_NAMED)}"
    match spec.base.package_manager:
        case PackageManager.APT:
            return (_apt_step(title, spec.base.image_id),)
        case PackageManager.APK:
            return (_apk_step(title, spec.base.image_id, ca_bundle=ca_bundle),)
        case None:
            raise ValueError(f"{spec.base.reference} has no package manager for {title}")
        case _ as never:
            assert_never(never)


def _apt_step(title: str, base: ImageId) -> _Step:
    return _Step(
        title=title,
        comment=(
            "The installer reads the names from a file. apt.conf keeps lists, downloads and logs out of the image,",
            "and works beside the docker-clean settings of Debian's own images.",
        ),
        mounts=(_OS_MOUNT, _cache(base, "apt-lists", "/mnt/lists"), _cache(base, "apt-cache", "/mnt/cache")),
        command=(
            "export DEBIAN_FRONTEND=noninteractive",
            "&& apt-get -c /mnt/apt.conf update",
            "&& xargs apt-get -c /mnt/apt.conf install -y --no-install-recommends -- < /mnt/os-packages.txt",
        ),
    )


def _apk_step(title: str, base: ImageId, *, ca_bundle: bool) -> _Step:
    # The second variable is for apk; newer versions use OpenSSL, which reads the first.
    trust = ("export SSL_CERT_FILE=/mnt/ca-bundle.crt SSL_CA_CERT_FILE=/mnt/ca-bundle.crt;",) if ca_bundle else ()
    return _Step(
        title=title,
        comment=("The installer reads the names from a file; indexes and downloads stay in a cache mount.",),
        mounts=(_OS_MOUNT, _cache(base, "apk", "/mnt/cache")),
        command=(
            *trust,
            # Not only `add --update-cache`: without a list that it did not get, that goes on with the other ones, or
            # with an old one from the cache. `update` fails.
            "apk update --cache-dir /mnt/cache --no-progress",
            "&& xargs apk add --cache-dir /mnt/cache --no-progress < /mnt/os-packages.txt",
        ),
    )


def _cache(base: ImageId, what: str, target: str) -> str:
    """Return the mount of the installer's cache, which only builds on the same base image share.

    The base's own programs write it as root; they could harm those builds in any case.
    """
    # `private`, not `locked`: a second build creates a second cache. With a lock it would wait without output while the
    # first one installs, until the time limit without output ends it.
    digits = _require_match(IMAGE_ID, base).removeprefix("sha256:")
    return f"--mount=type=cache,id=warroom-{RECIPE_FORMAT}-{what}-{digits},target={target},sharing=private"


# Bytecode: measured with pandas, requests and stix2 on two cores, compiling takes 2.4 s and 55 MB of image (343 → 398
# MB), and importing them 0.28 s instead of 1.06 s in every container ever started: only root could keep bytecode there.
def _wheels_step(uv: _Uv, count: int) -> _Step:
    return uv.step(
        f"Python packages: {count}",
        (
            "Exactly the locked files, each checked against its hash. They, and uv from an image of its own, are",
            "mounted and do not stay. Then bytecode, so that modules import fast for users who cannot write it.",
            "This step runs no code of any package.",
        ),
        "--no-build -r /mnt/wheels.txt",
    )


def _source_step(uv: _Uv, names: list[str], *, ca_bundle: bool) -> _Step:
    step = uv.step(
        f"Build from source: {and_more(names, _MOST_NAMED)}",
        (
            "What has no wheel. Code of these packages runs here; what they need to be built is mounted with them, and",
            "there is neither login nor cache.",
        ),
        "-r /mnt/sources.txt",
    )
    # For downloads by the build itself.
    trust = ("export SSL_CERT_FILE=/mnt/ca-bundle.crt;",) if ca_bundle else ()
    return replace(step, command=(*trust, *step.command))


def _require_match(grammar: re.Pattern[str], value: str) -> str:
    if not grammar.fullmatch(value):
        raise ValueError(f"{value!r} cannot stand in a Dockerfile")
    return value

"""Write the Dockerfile of an image: the only place that knows how packages get into one.

What somebody typed never stands in a line of it. Packages are named in files of the build context (`context`), which
the installers read through bind mounts; the few values that do stand here are checked against their grammar once more.
"""

import re
from dataclasses import dataclass
from typing import assert_never

from commands.model.images import ImageSpec, PackageManager

RECIPE_FORMAT = 1
"""Goes into the hash of a specification: raise it whenever the same packages would give another image."""

REPOSITORY = re.compile(r"[a-z0-9][a-z0-9._/:-]{0,254}")
REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,254}(@sha256:[0-9a-f]{64})?")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?")
EXECUTABLE = re.compile(r"(/[A-Za-z0-9_+.-]+)+")

_ROOT = frozenset({"", "0", "root", "0:0", "root:root"})

# Every mount lies on or under /mnt. BuildKit leaves a mount point that it had to make behind in the image, as an empty
# folder; /mnt is in every distribution already, and the folders below it are in the (read-only) build context.
_OS_MOUNT = "--mount=type=bind,source=os,target=/mnt"
_PYTHON_MOUNT = "--mount=type=bind,source=python,target=/mnt"

# `private` rather than `locked`: a second build makes itself a second cache. Behind a lock it would wait in silence,
# for as long as the first one installs, until the limit for silence ends it.
_APT_CACHES = (
    "--mount=type=cache,id=warroom-apt-lists,target=/mnt/lists,sharing=private",
    "--mount=type=cache,id=warroom-apt-cache,target=/mnt/cache,sharing=private",
)
_APK_CACHE = "--mount=type=cache,id=warroom-apk,target=/mnt/cache,sharing=private"
# uv locks its cache by itself. It belongs to root inside builds (uid 0): installing takes root.
_UV_CACHE = "--mount=type=cache,id=warroom-uv-0,target=/mnt/cache,sharing=shared"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A Dockerfile and what its steps are called, in BuildKit's count: FROM is 1, then each RUN."""

    text: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """One RUN: its title in dialogs, the comment above it, its mounts and its shell command, line by line."""

    title: str
    comment: tuple[str, ...]
    mounts: tuple[str, ...]
    command: tuple[str, ...]

    def __str__(self) -> str:
        lines = (*self.mounts, *self.command)
        return "\n".join((*(f"# {line}" for line in self.comment), "RUN " + " \\\n    ".join(lines)))


@dataclass(frozen=True, slots=True)
class _Uv:
    """How to call uv in a step: from which image, for which Python, and which files the context has for it."""

    image: str
    python: str
    ca_bundle: bool
    uv_config: bool

    @property
    def mounts(self) -> tuple[str, ...]:
        return (_PYTHON_MOUNT, f"--mount=type=bind,from={_checked(REFERENCE, self.image)},target=/mnt/uv")

    @property
    def trust(self) -> str:
        return "SSL_CERT_FILE=/mnt/ca-bundle.crt " if self.ca_bundle else ""

    @property
    def checked_python(self) -> str:
        return _checked(EXECUTABLE, self.python)

    def install(self, source: str) -> tuple[str, ...]:
        return (
            # Without --no-config uv would read settings that happen to lie in the base's folders.
            f"/mnt/uv/uv {'--config-file /mnt/uv.toml' if self.uv_config else '--no-config'} pip install",
            # A base's own Python is often marked as managed by its distribution.
            f"--python {self.checked_python} --break-system-packages",
            # The lock is complete: with --no-deps nothing that nobody confirmed can come along, and uv need not
            # resolve again. The check of the finished image finds a lock that is not.
            f"--no-deps --require-hashes {source} -r /mnt/requirements.txt",
        )


def write_dockerfile(spec: ImageSpec, *, uv_image: str, ca_bundle: bool = False, uv_config: bool = False) -> Recipe:
    """Write the Dockerfile of `spec`.

    Args:
        spec: What to build.
        uv_image: The image that holds the static binary `/uv`.
        ca_bundle: The context has a CA bundle (`context_for`), to be trusted while installing and not after.
        uv_config: The context has a `uv.toml` with the index to install from. A file, because build arguments and
            environment stand in the image's history and an index's address may hold a password.

    Raises:
        ValueError: A value that must stand in the Dockerfile is not of its grammar.
    """
    base = spec.base
    steps = [*_os_steps(spec, ca_bundle=ca_bundle)]
    if spec.locked:
        uv = _Uv(image=uv_image, python=spec.base.python.executable, ca_bundle=ca_bundle, uv_config=uv_config)
        steps += [_wheels_step(uv, len(spec.locked)), _source_step(uv)]
    parts = [
        "# Which packages: os/os-packages.txt and python/requirements.txt, beside this file.",
        f"FROM {_checked(REFERENCE, base.pinned)}",
        *_as_root(base.user, [str(step) for step in steps]),
        f"# How the image can tell its own name.\nENV DOCKER_IMAGE={image_name(spec)}",
    ]
    titles = (f"Base {base.reference}", *(step.title for step in steps))
    return Recipe(text="\n\n".join(parts).replace("\n\nFROM", "\nFROM") + "\n", steps=titles)


def image_name(spec: ImageSpec) -> str:
    """Check and write the name that the image will have; raises ValueError where it is none."""
    return f"{_checked(REPOSITORY, spec.name)}:{_checked(TAG, spec.tag)}"


def _as_root(user: str, steps: list[str]) -> list[str]:
    if not steps or user in _ROOT:
        return steps
    name = _checked(USER, user)
    return [
        "# Installing takes root.\nUSER root",
        *steps,
        f"# As the base has it.\nUSER {name}",
    ]


def _os_steps(spec: ImageSpec, *, ca_bundle: bool) -> tuple[_Step, ...]:
    if not spec.os_packages:
        return ()
    title = f"OS packages: {_listed([package.name for package in spec.os_packages])}"
    match spec.base.package_manager:
        case PackageManager.APT:
            return (_apt_step(title),)
        case PackageManager.APK:
            return (_apk_step(title, ca_bundle=ca_bundle),)
        case None:
            raise ValueError(f"{spec.base.reference} has no package manager for {title}")
        case _ as never:
            assert_never(never)


def _apt_step(title: str) -> _Step:
    return _Step(
        title=title,
        comment=(
            "The installer reads the names from a file. apt.conf keeps lists, downloads and logs out of the image,",
            "and works beside the docker-clean settings of Debian's own images.",
        ),
        mounts=(_OS_MOUNT, *_APT_CACHES),
        command=(
            "export DEBIAN_FRONTEND=noninteractive",
            "&& apt-get -c /mnt/apt.conf update",
            "&& xargs apt-get -c /mnt/apt.conf install -y --no-install-recommends -- < /mnt/os-packages.txt",
        ),
    )


def _apk_step(title: str, *, ca_bundle: bool) -> _Step:
    # apk's own variable is the second; newer ones ask OpenSSL, which knows the first.
    trust = ("SSL_CERT_FILE=/mnt/ca-bundle.crt SSL_CA_CERT_FILE=/mnt/ca-bundle.crt",) if ca_bundle else ()
    return _Step(
        title=title,
        comment=("The installer reads the names from a file; indexes and downloads stay in a cache mount.",),
        mounts=(_OS_MOUNT, _APK_CACHE),
        command=(*trust, "xargs apk add --update-cache --cache-dir /mnt/cache --no-progress < /mnt/os-packages.txt"),
    )


# No code of a package may run where it could change the cache that all later builds install from. So the first step
# only unpacks wheels. Building from source, and starting Python with the new packages (their `.pth` files are code),
# happen in the next one, without the cache.
# Bytecode: measured with pandas, requests and stix2 on two cores, compiling takes 2.4 s and 55 MB of image (343 → 398
# MB), and importing them 0.28 s instead of 1.06 s in every container ever started: only root could keep bytecode there.
def _wheels_step(uv: _Uv, count: int) -> _Step:
    return _Step(
        title=f"Python packages: {count}",
        comment=(
            "Exactly the locked versions, each file checked against its hash. uv comes from an image of its own and,",
            "like its cache and the certificates, does not stay. This step runs no code of any package.",
        ),
        mounts=(*uv.mounts, _UV_CACHE),
        command=(
            f"{uv.trust}UV_CACHE_DIR=/mnt/cache TMPDIR=/mnt/cache UV_LINK_MODE=copy NO_COLOR=1",
            *uv.install("--no-build"),
            # 1: it cannot be done. 2: something broke on the way (the network), which the next step would meet too.
            '|| { status=$?; [ "$status" = 1 ] || exit "$status"; }',
        ),
    )


def _source_step(uv: _Uv) -> _Step:
    return _Step(
        title="Compile Python packages",
        comment=(
            "What has no wheel is built from source, without the cache that builds share. Then bytecode, so that",
            "modules import fast for users who cannot write it.",
        ),
        mounts=uv.mounts,
        command=(
            # uv leaves a lock file in the folder for temporary files.
            "export TMPDIR=$(mktemp -d)",
            f"&& {uv.trust}NO_COLOR=1",
            *uv.install("--no-cache"),
            f"&& {uv.checked_python} /mnt/compile.py",
            '&& rm -r "$TMPDIR"',
        ),
    )


def _checked(grammar: re.Pattern[str], value: str) -> str:
    if not grammar.fullmatch(value):
        raise ValueError(f"{value!r} cannot stand in a Dockerfile")
    return value


def _listed(names: list[str], *, most: int = 4) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")

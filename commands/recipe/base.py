"""Inspects a base image for what resolution and builds need to know."""

import re
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from commands.engine.interface import Engine, RunOrder, RunOutcome
from commands.errors import UnusableBase
from commands.inside import answers, source
from commands.model.images import BaseImage, Digest, LocalImage, Maker, PackageManager, Platform, PythonRuntime
from commands.model.references import Reference
from commands.recipe.dockerfile import EXECUTABLE, USER
from commands.recipe.labels import REF_NAME, read_labels
from commands.text import quote

OLDEST_PYTHON = (3, 8)
"""The oldest version that `uv` supports and that the programs in `inside` are written for."""

_ARCHITECTURES = frozenset({"amd64", "arm64"})
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# The allowed ONBUILD instructions: no mounts of caches or other images (RUN), no other images (COPY), no URLs (ADD).
# Flags give access to those, so flags are refused. So are further lines: the builder parses an instruction as a
# Dockerfile, where a line can continue on the next one, and would find flags there.
_HARMLESS = re.compile(
    r"[^\S\n]*(?:(?:ENV|LABEL|USER|WORKDIR|EXPOSE|VOLUME|STOPSIGNAL|CMD|ENTRYPOINT|HEALTHCHECK)[^\S\n][^\n]*"
    r"|(?:RUN|COPY|SHELL)[^\S\n]+(?!--)\S[^\n]*)",
    re.IGNORECASE,
)
_NO_SUCH_COMMAND = (126, 127)

SCRATCH = 64 << 20
"""Maximum bytes that an inspecting container may write."""

# For any Python, also one before 3.
_SAY_OLD = (
    r'import os, sys; os.write(1, ("\n%s old %s.%s\n" % ((sys.argv[1],) + sys.version_info[:2])).encode("ascii"))'
)
_SCRIPT = f"""\
for name in python3 python; do
    command -v "$name" > /dev/null 2>&1 || continue
    if "$name" -c 'import sys; sys.exit(sys.version_info < {OLDEST_PYTHON})'; then
        exec "$name" -I -c "$2" "$1"
    fi
    "$name" -c '{_SAY_OLD}' "$1"
done
printf '\\n%s end\\n' "$1"
"""


class _LookAnswer(BaseModel):
    """The answer of `inside/look.py`. A base may print anything, so each value must match its grammar."""

    model_config = ConfigDict(extra="forbid", strict=True)

    python: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}(\.[0-9]{1,4}){2}$")]
    implementation: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{1,20}$")]
    executable: Annotated[str, StringConstraints(pattern=rf"^{EXECUTABLE.pattern}$", max_length=200)]
    libc: Annotated[str, StringConstraints(pattern=r"^(glibc|musl)?$")]
    libc_version: Annotated[str, StringConstraints(pattern=r"^([0-9]{1,3}(\.[0-9]{1,4}){1,2})?$")]
    installers: Annotated[list[Annotated[str, StringConstraints(max_length=20)]], Field(max_length=10)]


def look_at(
    engine: Engine,
    image: LocalImage,
    reference: Reference,
    *,
    labels: Mapping[str, str],
    seconds: float = 30.0,
    word: Callable[[], str] = token_hex,
) -> BaseImage:
    """Inspect a base by running its Python in a throw-away container without a network.

    Args:
        engine: The daemon that has the image.
        image: The base as the daemon knows it.
        reference: The requested name.
        labels: The labels of the throw-away container.
        seconds: The timeout of the container.
        word: Returns a word that the image cannot know in advance.

    Raises:
        UnusableBase: It cannot be built on; the hint names an alternative.
        ImageNotFound: It no longer exists.
    """
    _require_platform(reference, image.platform)
    _require_user(reference, image.user)
    _require_harmless(reference, image.on_build)
    secret = word()
    outcome = engine.run(
        RunOrder(
            image=image.id,
            command=("/bin/sh", "-c", _SCRIPT, "sh", secret, source("look").decode()),
            labels=labels,
            seconds=seconds,
            scratch=SCRATCH,
            # The installation will also run as root.
            user="0",
        )
    )
    seen = _parse_outcome(reference, outcome, secret, seconds)
    return BaseImage(
        reference=reference,
        image_id=image.id,
        digest=digest_of(image, reference),
        python=_runtime(reference, seen),
        package_manager=_package_manager(seen.installers),
        user=image.user,
        platform=image.platform,
        layers=image.layers,
        maker=_maker(image.labels),
        on_build=image.on_build,
    )


def digest_of(image: LocalImage, reference: Reference) -> Digest | None:
    """Return the image's digest in the registry of `reference`, or None if it was never in it."""
    for known in image.repo_digests:
        repository, _, digest = known.rpartition("@")
        if Reference(repository).familiar_repository == reference.familiar_repository and _DIGEST.fullmatch(digest):
            return Digest(digest)
    return None


def made_by(maker: Maker) -> str:
    """Return who had an image made, as the end of a sentence; empty if unknown."""
    name = f" as {quote(maker.name)}" if maker.name else ""
    requester = f" for {quote(maker.requester)}" if maker.requester else ""
    # Labels are always in UTC.
    at = f" on {maker.at.replace(tzinfo=None).isoformat(' ', 'minutes')} UTC" if maker.at else ""
    return f"{name}{requester}{at}"


def refuse_default_made_here(base: BaseImage) -> None:
    """Raise `UnusableBase` if the bot made the default base, since anybody can do that with a command."""
    if base.maker is None:
        return
    raise UnusableBase(
        f"The default base {quote(str(base.reference))} is an image that the bot made, or stands on one: "
        f"made{made_by(base.maker)}.",
        hint="Remove it and pull or load the right image under that name. Only if the default base is meant to be made "
        "by the bot: set `WARROOM_DEFAULT_BASE_MADE_HERE=true`.",
    )


def _maker(labels: Mapping[str, str]) -> Maker | None:
    made = read_labels(labels)
    return Maker(labels.get(REF_NAME), made.requester, made.created) if made else None


def _require_platform(reference: Reference, platform: Platform) -> None:
    if platform.os != "linux" or platform.architecture not in _ARCHITECTURES:
        raise UnusableBase(
            f"`{reference}` is for {platform}: images can be made for linux/amd64 and linux/arm64.",
            hint="Choose a base for one of them.",
        )


def _require_user(reference: Reference, user: str) -> None:
    if user and not USER.fullmatch(user):
        raise UnusableBase(
            f"`{reference}` runs as `{user}`, which is not a user name or number.",
            hint="Choose another base, or fix the USER line of this one.",
        )


def _require_harmless(reference: Reference, on_build: tuple[str, ...]) -> None:
    reaching = next((trigger for trigger in on_build if not _HARMLESS.fullmatch(trigger)), None)
    if reaching is not None:
        raise UnusableBase(
            f"`{reference}` has an ONBUILD instruction that could reach more than its own files in every build on it.",
            hint="Choose another base, or ask who made this one to leave such instructions out.",
            details=(" ".join(reaching.split())[:200],),
        )


def _parse_outcome(reference: Reference, outcome: RunOutcome, word: str, seconds: float) -> _LookAnswer:
    lines = list(answers(outcome.output, word))
    old = [text.removeprefix("old ") for text in lines if text.startswith("old ")]
    if outcome.timed_out:
        raise _not_understood(reference, f"its Python did not answer within {seconds:g} s", outcome)
    if lines and lines[-1].startswith("{"):
        return _parse_answer(reference, lines[-1], outcome)
    if old:
        raise UnusableBase(
            f"`{reference}` has only Python {old[-1][:20]}; at least {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} is needed.",
            hint="Choose a base with a newer Python.",
        )
    if lines == ["end"]:
        raise UnusableBase(
            f"`{reference}` has no Python: neither `python3` nor `python` is there.",
            hint="Choose a base with Python 3, or leave `base` out to get the usual one.",
        )
    if outcome.exit_code in _NO_SUCH_COMMAND:
        raise UnusableBase(
            f"`{reference}` cannot run a shell, so nothing can be installed in it.",
            hint="Choose a base with `/bin/sh` and Python 3 for this machine's processor, or leave `base` out.",
            details=_last_lines(outcome.errors),
        )
    raise _not_understood(reference, "its Python gave no answer", outcome)


def _parse_answer(reference: Reference, text: str, outcome: RunOutcome) -> _LookAnswer:
    try:
        return _LookAnswer.model_validate_json(text)
    except ValidationError as fault:
        raise _not_understood(reference, "its Python's answer makes no sense", outcome) from fault


def _runtime(reference: Reference, seen: _LookAnswer) -> PythonRuntime:
    if seen.implementation != "CPython" or not seen.libc or not seen.libc_version:
        raise UnusableBase(
            f"`{reference}` has {seen.implementation} on {seen.libc or 'an unknown C library'}, "
            "which no packages are made for.",
            hint="Choose a base with CPython on glibc or musl, such as a Debian or Alpine one.",
        )
    return PythonRuntime(
        version=seen.python, executable=seen.executable, libc=seen.libc, libc_version=seen.libc_version
    )


def _package_manager(installers: list[str]) -> PackageManager | None:
    if "apt-get" in installers:
        return PackageManager.APT
    return PackageManager.APK if "apk" in installers else None


def _not_understood(reference: Reference, what: str, outcome: RunOutcome) -> UnusableBase:
    return UnusableBase(
        f"`{reference}` was started to look at it, but {what}.",
        hint=f"See whether `docker run --rm -it {reference} python3` works, or choose another base.",
        details=_last_lines(outcome.errors),
    )


def _last_lines(text: str, *, most: int = 5) -> tuple[str, ...]:
    lines = [line.strip()[:300] for line in text.splitlines() if line.strip()]
    return tuple(lines[-most:])

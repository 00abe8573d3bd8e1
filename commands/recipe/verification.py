"""Verifies a built image before it gets its tag: whether it matches the proposal and works.

`inside/check.py` runs in a throw-away container without a network, and this module judges its answers. An image may
print anything: only names and versions are used, which are compared with the specification, and texts, which are shown.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from secrets import token_hex
from typing import Annotated, Literal

import structlog
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from commands.engine.interface import Engine, RunOrder, RunOutcome
from commands.errors import VerificationFailed
from commands.inside import answers, inline
from commands.model.images import ImageId, ImageSpec
from commands.model.outcomes import ImportFailure, Verdict
from commands.text import count_of, one_line, plural

log = structlog.get_logger()

IMPORT_SECONDS = 30.0
"""Timeout of one module's import."""

MEMORY = 1 << 30
"""Memory limit of the check, imports included: the same as for such images when they run."""

SCRATCH = 256 << 20
"""Maximum bytes that the check may write to `/tmp`, which count as memory. All else is read-only."""

_MARGIN_SECONDS = 5.0
_LINES_MOST = 20
_AGAIN = "Create it again; if that ends the same way, name other versions or another base."

Name = Annotated[str, StringConstraints(max_length=200)]
Text = Annotated[str, StringConstraints(max_length=5_000)]


class Facts(BaseModel):
    """What is installed according to the image: normalised names of distributions, versions as text.

    `requires` contains Requires-Dist lines; `os_packages` the requested ones that are installed, with a version or "".
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["facts"]
    installed: dict[Name, Name | None]
    requires: dict[Name, list[Text]]
    markers: dict[Name, Text]
    os_packages: dict[Name, Name]


class Imported(BaseModel):
    """The result of one module's import; `error` is empty on success, None if there was no time left."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["import"]
    distribution: Name
    module: Name
    error: Text | None


class End(BaseModel):
    """The end of the answers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["end"]


Told = TypeAdapter[Facts | Imported | End](Annotated[Facts | Imported | End, Field(discriminator="kind")])


def verify(
    engine: Engine,
    spec: ImageSpec,
    image_id: ImageId,
    *,
    labels: Mapping[str, str],
    seconds: float = 120.0,
    word: Callable[[], str] = token_hex,
    redact: Callable[[str], str] = str,
) -> Verdict:
    """Verify the image that was built for `spec`, as the user that will run it.

    The verdict lists modules that do not import: some need a device or a setting, so a person decides. A `word` marks
    the answers; the image cannot know it in advance. `redact` masks secrets in the output of modules before truncation.

    Raises:
        VerificationFailed: Something is missing, has another version or does not fit, or the check did not end.
    """
    secret = word()
    outcome = engine.run(
        RunOrder(
            image=image_id,
            command=(spec.base.python.executable, *inline("check"), secret, _question(spec, seconds)),
            labels=labels,
            seconds=seconds,
            # The image's user may have no writable home.
            environment={"HOME": "/tmp"},  # noqa: S108 - in the container
            memory=MEMORY,
            scratch=SCRATCH,
        )
    )
    return judge(spec, outcome, secret, seconds, redact)


def judge(
    spec: ImageSpec, outcome: RunOutcome, word: str, seconds: float, redact: Callable[[str], str] = str
) -> Verdict:
    """Return the verdict of a check's outcome; raises VerificationFailed like `verify`."""
    told = list(_answers_in(outcome.output, word))
    facts = next((each for each in told if isinstance(each, Facts)), None)
    if facts is not None:
        _require_all(spec, facts)
    imports = [each for each in told if isinstance(each, Imported)]
    if facts is None or not isinstance(told[-1], End) or any(each.error is None for each in imports):
        raise _incomplete_check(replace(outcome, errors=redact(outcome.errors)), seconds)
    return Verdict(
        tuple(
            ImportFailure(each.distribution, each.module, _one_line(redact(each.error)))
            for each in imports
            if each.error
        )
    )


def _question(spec: ImageSpec, seconds: float) -> str:
    manager = spec.base.package_manager
    question = {
        "locked": [package.name for package in spec.locked],
        "requested": [package.name for package in spec.requested],
        "installer": manager.value if manager else None,
        "os_packages": [package.name for package in spec.os_packages],
        "seconds": max(1.0, seconds - _MARGIN_SECONDS),
        "import_seconds": IMPORT_SECONDS,
    }
    return json.dumps(question)


def _answers_in(output: str, word: str) -> Iterator[Facts | Imported | End]:
    for answer in answers(output, word):
        try:
            yield Told.validate_json(answer)
        except ValidationError as fault:
            # The running image knows the word, so it can forge answers; a malformed one is ignored.
            log.warning("verification_answer_refused", reason=str(fault)[:500])


def _require_all(spec: ImageSpec, facts: Facts) -> None:
    wrong = (*_wrong_distributions(spec, facts), *_wrong_os_packages(spec, facts))
    if wrong:
        raise VerificationFailed(
            f"The image was built, but is not what was proposed: {_count(len(wrong))} missing or wrong.",
            hint=_AGAIN,
            details=wrong[:_LINES_MOST],
        )
    broken = tuple(_broken_requirements(spec, facts))
    if broken:
        raise VerificationFailed(
            "The image was built, but its Python packages do not fit together.",
            hint="Name versions in `dependencies` that fit: the details say which packages disagree.",
            details=broken[:_LINES_MOST],
        )


def _wrong_distributions(spec: ImageSpec, facts: Facts) -> Iterator[str]:
    for package in spec.locked:
        version = facts.installed.get(package.name)
        if version is None:
            yield f"Python package `{package.name}` {package.version} is not installed."
        elif not _same(version, package.version):
            yield f"Python package `{package.name}` is installed as {version}, not as {package.version}."


def _wrong_os_packages(spec: ImageSpec, facts: Facts) -> Iterator[str]:
    for package in spec.os_packages:
        version = facts.os_packages.get(package.name)
        if version is None:
            yield f"OS package `{package.name}` is not installed."
        elif package.version is not None and version != package.version:
            yield f"OS package `{package.name}` is installed as {version or 'another'}, not as {package.version}."


def _broken_requirements(spec: ImageSpec, facts: Facts) -> Iterator[str]:
    """Yield unmet requirements that involve a new package; conflicts within the base are ignored."""
    locked = {package.name for package in spec.locked}
    extras = {canonicalize_name(requirement.name): requirement.extras for requirement in spec.requirements}
    for name, lines in sorted(facts.requires.items()):
        for needed in _applicable(lines, facts.markers, extras.get(canonicalize_name(name), ())):
            target = canonicalize_name(needed.name)
            have = facts.installed.get(target)
            if (name in locked or target in locked) and not _is_met(needed, have):
                there = f"{have} is there" if have else "it is missing"
                yield f"`{name}` needs `{needed.name}{needed.specifier}`, but {there}."


def _applicable(lines: list[str], markers: Mapping[str, str], extras: tuple[str, ...]) -> Iterator[Requirement]:
    for line in lines:
        try:
            needed = Requirement(line)
        except InvalidRequirement:
            continue  # Old packages have non-standard lines, which installers ignore.
        if needed.marker is None or any(needed.marker.evaluate({**markers, "extra": each}) for each in ("", *extras)):
            yield needed


def _is_met(needed: Requirement, version: str | None) -> bool:
    if version is None:
        return False
    try:
        return needed.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True  # A non-standard version (OS packages of Python modules) cannot be compared.


def _same(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def _incomplete_check(outcome: RunOutcome, seconds: float) -> VerificationFailed:
    if outcome.out_of_memory:
        return VerificationFailed(
            f"The image was built, but checking it took more memory than the {MEMORY >> 20} MiB it may use.",
            hint="A package takes that much when it is imported: ask for fewer or smaller ones in one image.",
        )
    if outcome.exit_code is None and not outcome.timed_out:
        return VerificationFailed("The check of the image was ended from outside.", hint="Create it again.")
    if outcome.timed_out or outcome.exit_code == 0:
        return VerificationFailed(
            f"The image was built, but its check was not done within {seconds:g} s.",
            hint="A package takes long to import, or waits for something. Create it again when the host is less busy, "
            "or ask for fewer packages in one image.",
        )
    return VerificationFailed(
        "The image was built, but its Python could not carry out the check.",
        hint=_AGAIN,
        details=tuple(_one_line(line) for line in outcome.errors.splitlines()[-5:] if line.strip()),
    )


def _count(number: int) -> str:
    return plural(number, "one package is", f"{count_of(number, 'package')} are")


def _one_line(text: str, *, most: int = 300) -> str:
    """Return an image's output as one short line without control characters; a long one keeps its start and end."""
    line = one_line(text)
    return line if len(line) <= most else f"{line[: most // 2]} … {line[-most // 2 :]}"

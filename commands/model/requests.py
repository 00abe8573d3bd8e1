"""The frozen requests of people, and the grammars of their package lists."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, NoReturn, TypeVar

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from commands.model.packages import OsPackage, PythonRequirement
from commands.model.references import Malformed, Reference
from commands.text import quote

MOST_PACKAGES = 200
"""The most entries of one list; the largest image of the reference has 66."""

Package = TypeVar("Package", bound=PythonRequirement | OsPackage)

_OPERATORS = "<>=!~"
_AROUND_OPERATOR = re.compile(rf"\s*([{_OPERATORS};@]+|[\[(])\s*|\s+([\])])")
_BRACKETED = re.compile(r"\[[^\]]*\]?")
_ENTRY = re.compile(r"(?:\[[^\]]*\]?|[^\s,\[])+")
_PYTHON_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)+")
_PYTHON_FILE = re.compile(r".*\.(?:whl|zip|tgz|txt|toml|tar\.[a-z0-9]+)", re.IGNORECASE)
_MARKER_VARIABLE = re.compile(r"\b(?:python_|sys_|os_name|platform_|implementation_|extra\b)")
# Alpine's names (`name_fromstring` and `APK_CTYPE_PACKAGE_NAME` of apk-tools); Debian's (Policy 5.6.1) are a part of
# them. No `-` at the end, although Alpine's grammar allows it: apt-get reads `wget-` as an order to remove wget.
_OS_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9+._-]*[A-Za-z0-9+._])?")
_OS_FILE = re.compile(r".*\.(?:deb|apk|rpm)", re.IGNORECASE)
# Debian Policy 5.6.12. No `-` or `+` at the end: apt-get takes it as an order for the whole entry.
_DEBIAN_VERSION = r"(?:[0-9]+:)?[0-9](?:[A-Za-z0-9.+~-]*[A-Za-z0-9.~])?"
# apk-tools' apk-package(5): digits, one letter, suffixes, commit hash, revision.
_ALPINE_VERSION = r"[0-9]+(?:\.[0-9]+)*[a-z]?(?:_[a-z]+[0-9]*)*(?:~[0-9a-f]+)?(?:-r[0-9]+)?"
_OS_VERSION = re.compile(rf"{_DEBIAN_VERSION}|{_ALPINE_VERSION}")


@dataclass(frozen=True, slots=True)
class CreateImage:
    """The request to create an image. `name` is a repository without tag; without a `base` the default base is used."""

    name: str
    base: Reference | None
    dependencies: tuple[PythonRequirement, ...]
    packages: tuple[OsPackage, ...]
    kind: Literal["create"] = "create"
    is_quick: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class ShortId:
    """The beginning of an image's ID, 4 to 64 hexadecimal digits without `sha256:`."""

    digits: str

    def __str__(self) -> str:
        """Return the ID as people write it."""
        return self.digits[:12]


Wanted = Reference | ShortId
"""The requested image. A text that can be a name or an ID is tried as a name first."""


@dataclass(frozen=True, slots=True)
class UpdateImages:
    """The request to update one image, or all of the host if `image` is None."""

    image: Wanted | None
    kind: Literal["update"] = "update"
    is_quick: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Query:
    """The requested part of the list: `page` counts from 1, `text` is searched in names and IDs."""

    page: int = 1
    text: str = ""
    made_here: bool = False


@dataclass(frozen=True, slots=True)
class ListImages:
    """The request for the list; `hint` is the note for a person who typed arguments."""

    query: Query = field(default_factory=Query)
    hint: str = ""
    kind: Literal["list"] = "list"
    is_quick: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class LookAtImage:
    """The request for the card of one image."""

    image: Wanted
    kind: Literal["details"] = "details"
    is_quick: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class RollBackImage:
    """The request to roll one tag back: to the image kept as `to`, or to the latest kept one."""

    image: Reference
    to: str | None = None
    kind: Literal["roll back"] = "roll back"
    is_quick: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class UndoUpdate:
    """The request to roll back every tag that a job moved. `job` is the job's id."""

    job: str
    kind: Literal["undo"] = "undo"
    is_quick: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class RemoveImage:
    """The request to remove an image with all its tags."""

    image: Wanted
    kind: Literal["remove"] = "remove"
    is_quick: ClassVar[bool] = True


def parse_dependencies(text: str) -> tuple[PythonRequirement, ...]:
    """Parse a list of Python requirements, separated by commas or spaces; raise `Malformed`.

    A comma inside brackets or before a comparison does not separate requirements: `x[a,b]>=1,<2`.
    """
    entries: list[str] = []
    for entry in _entries(text):
        if entries and entry[0] in _OPERATORS:
            entries[-1] = f"{entries[-1]},{entry}"
        else:
            entries.append(entry)
    _refuse_version_as_name(entries)
    return _distinct(_each(entries, _requirement), lambda wanted: canonicalize_name(wanted.name))


def parse_packages(text: str) -> tuple[OsPackage, ...]:
    """Parse a list of OS packages `name[=version]`, separated by commas or spaces; raise `Malformed`."""
    return _distinct(_each(_entries(text), _os_package), lambda wanted: wanted.name)


def _entries(text: str) -> list[str]:
    tight = _AROUND_OPERATOR.sub(lambda found: found[1] or found[2], text)
    tight = _BRACKETED.sub(lambda found: re.sub(r"\s+", "", found[0]), tight)
    return _ENTRY.findall(tight)


def _each(entries: Sequence[str], parse: Callable[[str], Package]) -> tuple[Package, ...]:
    if len(entries) > MOST_PACKAGES:
        raise Malformed(
            f"{quote(','.join(entries))} lists {len(entries)} packages",
            advice=f"One image takes at most {MOST_PACKAGES}. Their dependencies are added for you.",
        )
    parsed: list[Package] = []
    for place, entry in enumerate(entries):
        try:
            parsed.append(parse(entry))
        except Malformed as error:
            kept = [*entries[:place], *([error.correction] if error.correction else []), *entries[place + 1 :]]
            raise Malformed(error.message, advice=error.advice, correction=",".join(kept) or None) from None
    return tuple(parsed)


def _distinct(wanted: tuple[Package, ...], key: Callable[[Package], str]) -> tuple[Package, ...]:
    first: dict[str, Package] = {}
    for each in wanted:
        known = first.setdefault(key(each), each)
        if replace(each, name=known.name) != known:
            bare = next((entry for entry in (known, each) if str(entry) == entry.name), None)
            raise Malformed(
                f"{quote(str(each))} contradicts {quote(str(known))}",
                advice="Ask for it once.",
                correction=None if bare is None else ",".join(str(entry) for entry in wanted if entry is not bare),
            )
    return tuple(first.values())


def _refuse_version_as_name(entries: Sequence[str]) -> None:
    # By the grammar `2.31.0` is a name, but people who write `requests 2.31.0` mean a version.
    for place, entry in enumerate(entries):
        if _VERSION.fullmatch(entry):
            before = [*entries[: place - 1], f"{entries[place - 1]}=={entry}"] if place else []
            raise Malformed(
                f"{quote(entry)} is a version, not a package",
                advice="Put `==` between a package and its version.",
                correction=",".join([*before, *entries[place + 1 :]]) or None,
            )


def _requirement(entry: str) -> PythonRequirement:
    _refuse_what_is_no_requirement(entry)
    try:
        requirement = Requirement(entry)
    except InvalidRequirement:
        raise _not_a_requirement(entry) from None
    extras = tuple(sorted(requirement.extras))
    if not entry.isascii() or not all(_PYTHON_NAME.fullmatch(name) for name in (requirement.name, *extras)):
        raise _not_a_requirement(entry)
    if requirement.url is not None or requirement.marker is not None:
        raise _not_a_requirement(entry)
    return PythonRequirement(name=requirement.name, extras=extras, specifier=str(requirement.specifier))


def _refuse_what_is_no_requirement(entry: str) -> None:
    if entry.startswith("-"):
        _refuse(entry, "is an option", "Only names of Python packages can be asked for, with versions.")
    if "://" in entry or entry.startswith(("git+", "hg+", "svn+", "bzr+")):
        _refuse(entry, "is a URL", "Packages come from the package index only: give the name.")
    if "@" in entry:
        _refuse(entry, "points to a URL", "Packages come from the package index only: give the name.", "@")
    if ";" in entry:
        _refuse_semicolon(entry)
    if "/" in entry or "\\" in entry or entry.startswith((".", "~")) or _PYTHON_FILE.fullmatch(entry):
        _refuse(entry, "is a file or folder", "Packages come from the package index only: give the name.")
    if "===" in entry:
        raise Malformed(
            f"{quote(entry)} compares with `===`",
            advice="Use `==` for an exact version.",
            correction=entry.replace("===", "=="),
        )


def _refuse_semicolon(entry: str) -> None:
    if _MARKER_VARIABLE.search(entry.partition(";")[2]):
        _refuse(entry, "holds a condition", "An image has one Python: leave out what follows the semicolon.", ";")
    raise Malformed(
        f"{quote(entry)} holds a semicolon",
        advice="Separate packages by commas.",
        correction=entry.strip(";").replace(";", ","),
    )


def _not_a_requirement(entry: str) -> Malformed:
    name = found[0] if (found := _PYTHON_NAME.match(entry)) else ""
    operator, version = _split_at_operator(entry.removeprefix(name))
    if name and operator == "=" and _is_specifier(f"=={version}"):
        return Malformed(
            f"{quote(entry)} compares with a single `=`",
            advice="Use `==` for an exact version.",
            correction=f"{name}=={version}",
        )
    if name and operator:
        return Malformed(
            f"{quote(entry)} is not a Python requirement: {quote(entry.removeprefix(name))} is no version",
            advice="Give a version such as `>=1.2,<2`, or none for the newest.",
            correction=name,
        )
    bare = entry.strip(_OPERATORS)
    return Malformed(
        f"{quote(entry)} is not a Python requirement",
        advice="Give a name and, if needed, extras and versions, for example `requests[socks]>=2.31,<3`.",
        correction=bare if bare != entry and not bare[:1].isdigit() and _PYTHON_NAME.fullmatch(bare) else None,
    )


def _is_specifier(text: str) -> bool:
    try:
        SpecifierSet(text)
    except ValueError:
        return False
    return True


def _os_package(entry: str) -> OsPackage:
    name, equals, version = entry.partition("=")
    good = _OS_NAME.fullmatch(name) and (not equals or _OS_VERSION.fullmatch(version))
    if not good or _OS_FILE.fullmatch(entry):
        raise _not_an_os_package(entry)
    return OsPackage(name=name, version=version if equals else None)


def _not_an_os_package(entry: str) -> Malformed:
    if entry.startswith("-"):
        _refuse(entry, "is an option", "Only names of OS packages can be asked for, with exact versions.")
    if "://" in entry:
        _refuse(entry, "is a URL", "Packages come from the distribution only: give the name.")
    if ";" in entry:
        _refuse_semicolon(entry)
    if _OS_FILE.fullmatch(entry) or entry.startswith((".", "/", "~")):
        _refuse(entry, "is a file", "Packages come from the distribution only: give the name.")
    name = found[0] if (found := _OS_NAME.match(entry)) else ""
    return _after_os_name(entry, name, entry.removeprefix(name))


def _after_os_name(entry: str, name: str, rest: str) -> Malformed:
    operator, version = _split_at_operator(rest)
    if operator == "==" and _OS_VERSION.fullmatch(version):
        message, advice = "compares with `==`", "OS packages take a single `=`."
        return Malformed(f"{quote(entry)} {message}", advice=advice, correction=f"{name}={version}")
    match rest[:1]:
        case "<" | ">" | "=" | "~" | "!":
            message, advice = "does not name an exact version", "Give one, such as `curl=8.21.0-r0`, or none."
        case ":":
            message, advice = "asks for another architecture", "An image has one architecture: give the name alone."
        case "/" | "@":
            message, advice = "asks for another release", "Packages come from the base's own release: give the name."
        case "-":
            message, advice = "ends with `-`, which means remove", "Packages can only be added."
        case _:
            name, message = "", "is not an OS package"
            advice = "Give a name of Debian or Alpine, for example `wget` or `curl=8.21.0-r0`."
    return Malformed(f"{quote(entry)} {message}", advice=advice, correction=name or None)


def _split_at_operator(rest: str) -> tuple[str, str]:
    version = rest.lstrip(_OPERATORS)
    return rest.removesuffix(version) if version else rest, version


def _refuse(entry: str, what: str, advice: str, at: str | None = None) -> NoReturn:
    # If only the text after `at` is wrong, the text before it is the correction.
    correction = entry.partition(at)[0] or None if at else None
    raise Malformed(f"{quote(entry)} {what}", advice=advice, correction=correction)

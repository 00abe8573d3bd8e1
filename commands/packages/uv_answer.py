"""Parses the output of `uv pip compile`: the locked packages, or the reason for a failure in plain words. Pure.

The texts are those of uv 0.13, recorded in `tests/recordings/uv_pip_compile.json`. For an unknown text the message is
its first line.
"""

import re
from dataclasses import dataclass

from packaging.tags import Tag
from packaging.utils import canonicalize_name

from commands.engine.interface import RunOutcome
from commands.errors import IndexUnreachable, PackageNotFound, Problem, ResolutionFailed
from commands.model.packages import LockedPackage, PythonRequirement
from commands.packages.indexes import not_an_index
from commands.packages.lock_file import read_lock
from commands.packages.uv_reasons import Reason, read_reason

_CREDENTIALS = re.compile(r"//[^/@\s]+@")
_SIGNALS = 128
"""Exit codes above this one mean that a signal ended the program."""
_TRY_LATER = "Try again in a minute. If it still fails, the operator should check the index and the network."


@dataclass(frozen=True, slots=True)
class UvQuestion:
    """The parts of a request to `uv` that its answer refers to.

    `secrets` are redacted; `tags` are those of compatible wheels, best first. `built` are the packages whose code ran
    during the resolution; their output is not trusted.
    """

    requirements: tuple[PythonRequirement, ...]
    python_version: str
    seconds: float
    secrets: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
    built: tuple[str, ...] = ()


def locked_packages(outcome: RunOutcome, question: UvQuestion) -> tuple[LockedPackage, ...]:
    """Return the locked packages, sorted by name; raises the `Problem` of a failed resolution."""
    if outcome.exit_code != 0:
        raise problem(outcome, question)
    requested = {str(canonicalize_name(requirement.name)) for requirement in question.requirements}
    return read_lock(outcome.output, requested=requested, tags=question.tags)


def missing_wheels(outcome: RunOutcome) -> tuple[str, ...]:
    """Return the packages that must be built from source; `uv` stops at the first one.

    A package is not included if some version of it has wheels, which shows as a "depends on".
    """
    if outcome.exit_code in {0, None}:
        return ()
    reason = read_reason(outcome.errors)
    blamed = set(re.findall(r"Wheels are required for `([^`\s]+)` because building from source", reason.hints))
    return tuple(sorted(name for name in blamed if not any(name == _name(need.who) for need in reason.needs)))


_DOUBTFUL = re.compile(
    r"there (?:is|are) no versions? of ([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
    r"|([A-Za-z0-9._-]+)(?:\[[^\]\s]*\])?==\S+ ha(?:s|ve) (?:an? )?(?:invalid|inconsistent) (?:package format|metadata)"
)


def doubtful_projects(outcome: RunOutcome) -> tuple[str, ...]:
    """Return the projects that `uv` found without versions or with a broken file, which a login page may cause."""
    if outcome.exit_code in {0, None}:
        return ()
    found = (one or other for one, other in _DOUBTFUL.findall(read_reason(outcome.errors).text))
    return tuple(dict.fromkeys(str(canonicalize_name(name)) for name in found))[:_MANY]


def problem(outcome: RunOutcome, question: UvQuestion) -> Problem:
    """Return the problem of a failed resolution in plain words."""
    if outcome.timed_out:
        return IndexUnreachable(f"Resolving was ended after {question.seconds:g} s without an answer.", hint=_TRY_LATER)
    if outcome.out_of_memory or outcome.exit_code is None or outcome.exit_code > _SIGNALS:
        return ResolutionFailed(
            "Resolving was ended because it used too much memory or gave too long an answer.", hint=_TRY_LATER
        )
    reason = read_reason(_redact(outcome.errors, question.secrets))
    for explain in _BESIDE_PACKAGES if question.built else _EXPLANATIONS:
        if found := explain(reason, question):
            return found
    headline = reason.headline.replace("`", "")[:200] or "the resolver gives no reason"
    return ResolutionFailed(
        f"The requirements cannot be resolved: {headline}",
        hint="Change the requirements and try again.",
        details=reason.lines,
    )


def quote(text: str) -> str:
    """Put untrusted text between backticks, shortened and without backticks."""
    return f"`{text.replace('`', '')[:120]}`"


def _redact(text: str, secrets: tuple[str, ...]) -> str:
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return _CREDENTIALS.sub("//***@", text)


# A pattern in uv's text → the words after "The package index" in the message.
_INDEX_TROUBLES = (
    ("Connection refused", "refused the connection"),
    ("dns error", "has a name that is not known here (DNS)"),
    ("invalid peer certificate", "shows a certificate that is not trusted here"),
    ("timed out", "did not answer in time"),
    ("lack of valid authentication credentials|40[13] (?:Unauthorized|Forbidden)", "refused the bot's credentials"),
    ("network was disabled", "is not asked, because the machine's settings switch the network off"),
    (r"HTTP status \w+ error \((\d{3}) ", "answered with HTTP status {}"),
    ("Failed to (?:download|extract)", "delivered a file that cannot be read"),
    ("Failed to fetch|error sending request|failed to build HTTP client", "could not be reached"),
)


_NO_INDEX = re.compile(
    r"(?:Received some unexpected|(?:Unsupported|Missing) `Content-Type`).*?(?:`(\w+://[^`\s]+)`|$)", re.MULTILINE
)


def _another_server(reason: Reason, _question: UvQuestion) -> Problem | None:
    found = _NO_INDEX.search(reason.own_words)
    return not_an_index(found[1] or "") if found else None


def _index_trouble(reason: Reason, _question: UvQuestion) -> Problem | None:
    for pattern, words in _INDEX_TROUBLES:
        if found := re.search(pattern, reason.own_words, re.IGNORECASE):
            told = words.format(*found.groups())
            return IndexUnreachable(f"The package index {told}.", hint=_TRY_LATER, details=reason.lines)
    return None


_LACKS_TOOLS = re.compile(
    r"No such file or directory: '(?:cpp|cc|gcc|g\+\+|c\+\+|make|cmake|cargo|rustc|swig|pkg-config)'"
    r"|command '[^']*(?:gcc|g\+\+|cc|clang)' failed|unable to execute|No working compiler|Python\.h"
    r"|pg_config|pkg-config|can't find Rust compiler|Could not run curl-config",
    re.IGNORECASE,
)


def _failed_build(reason: Reason, question: UvQuestion) -> Problem | None:
    """Return the problem of a failed build; names only a package of `question.built`, since the text is not trusted."""
    told = re.findall(r"Failed to build `?([^`\s]+)`?", reason.raw)
    found = next((each for each in told if canonicalize_name(_name(each)) in question.built), None)
    if found is None:
        return None
    lacking = _LACKS_TOOLS.search(reason.raw)
    why = "says that a compiler or header files are missing" if lacking else "ends with an error"
    return ResolutionFailed(
        f"{quote(found)} has no ready-made wheel for this base and cannot be built to learn what it needs: its own "
        f"build script {why}.",
        hint="Ask for another version, for a package that has wheels, or build on a base that brings the compiler.",
        details=reason.lines,
    )


def _printing_python(reason: Reason, _question: UvQuestion) -> Problem | None:
    if not re.search(r"Querying Python at `[^`]*` returned an invalid response", reason.own_words):
        return None
    return ResolutionFailed(
        "The base's Python prints text when it starts or ends, which the installer does not understand.",
        hint="Remove what prints from the base, such as a `.pth` file among its packages, or use another base.",
        details=reason.lines,
    )


def _damaged_package(reason: Reason, _question: UvQuestion) -> Problem | None:
    if found := re.search(r"(\S+) ha(?:s|ve) an? (?:invalid|inconsistent) (?:package format|metadata)", reason.text):
        message = f"{quote(found[1])} is damaged in the package index: its own description contradicts its name."
    elif found := re.search(r"dependencies for package `([^`]+)`.*Package `([^`]+)` was included as a URL", reason.all):
        message = f"{quote(found[1])} wants {quote(found[2])} from a web address, which is not allowed."
    else:
        return None
    return ResolutionFailed(message, hint="Ask for another version of it.", details=reason.lines)


def _unknown_package(reason: Reason, _question: UvQuestion) -> Problem | None:
    found = re.search(r"(\S+) was not found in the (?:package registry|provided package locations|cache)", reason.text)
    found = found or re.search(r"there are no versions of ([^\s=<>!~,]+)(?= |$)", reason.text)
    if found is None:
        return None
    name = found[1]
    needed_by = next((need.who for need in reason.needs if _name(need.what) == name), None)
    if needed_by:
        message = f"{quote(needed_by)} needs {quote(name)}, which does not exist in the package index."
        return PackageNotFound(message, hint=f"Ask for another version of {quote(_name(needed_by))}.")
    return PackageNotFound(
        f"There is no Python package {quote(name)} in the package index.",
        hint="Check the spelling. OS packages go in `packages=`.",
    )


def _wrong_python(reason: Reason, question: UvQuestion) -> Problem | None:
    found = re.search(r"(\S+) depends? on Python(\S+?),?(?: |$)", reason.text)
    if found is None:
        return None
    return ResolutionFailed(
        f"{quote(found[1])} needs Python {found[2]}; the base has Python {question.python_version}.",
        hint=f"Ask for another version of {quote(_name(found[1]))}, or use a base with a Python that fits.",
        details=reason.lines,
    )


def _no_file(reason: Reason, question: UvQuestion) -> Problem | None:
    found = re.findall(r"(\S+) ha(?:s|ve) no wheels with a matching (Python|platform)", reason.text)
    if not found:
        return None
    which, lack = found[-1]
    platform = lack == "platform"
    wanted = "the base's platform" if platform else f"Python {question.python_version}"
    offered = re.search(r"on the following platforms?: (.+)" if platform else r"tags?: (.+)", reason.hints)
    have = f"; it has them for {_readable(offered[1])}" if offered else ""
    return ResolutionFailed(
        f"{quote(which)} has no files for {wanted}{have}.",
        hint=f"Ask for another version of {quote(_name(which))}, or use another base.",
        details=reason.lines,
    )


def _readable(tags: str) -> str:
    """Convert "`cp38`, `cp39`" to "3.8, 3.9"; platforms stay unchanged."""
    names = (re.sub(r"^cp(\d)(\d+)\w*$", r"\1.\2", tag.strip("` ")) for tag in tags.split(","))
    return ", ".join(dict.fromkeys(names))[:120]


def _no_version(reason: Reason, _question: UvQuestion) -> Problem | None:
    if found := re.search(r"there (?:is|are) no versions? of (\S+)", reason.text):
        message = f"There is no {quote(found[1])} in the package index."
    elif found := re.match(
        r"Because only (\S+) (?:is|are) available and (?:you require|\S+ depends? on) (\S+?), we can", reason.text
    ):
        message = f"There is no {quote(found[2])} in the package index, only {quote(found[1])}."
    else:
        return None
    return ResolutionFailed(message, hint="Pick an existing version, or leave it out.", details=reason.lines)


def _no_wheel(reason: Reason, _question: UvQuestion) -> Problem | None:
    found = re.search(r"(?:all versions of )?(\S+) ha(?:s|ve) no usable wheels", reason.text)
    if found is None or reason.needs:
        return None
    return ResolutionFailed(
        f"{quote(found[1])} has no ready-made wheel for this base.",
        hint="Ask for another version, or for a package that has wheels.",
        details=reason.lines,
    )


_SHORT = 3
_MANY = 6


def _contradiction(reason: Reason, _question: UvQuestion) -> Problem | None:
    asked = list(dict.fromkeys(reason.asked))[:_MANY]
    if not asked:
        return None
    if reason.needs and len(reason.needs) <= _SHORT:
        needs = [f"{quote(need.who)} needs {quote(need.what)}" for need in reason.needs]
        explained = {_name(need.who) for need in reason.needs}
        others = [quote(each) for each in asked if _name(each) not in explained]
        told = ", ".join(needs) + (f", but {' and '.join(others)} is asked for" if others else "")
    else:
        told = " and ".join(quote(each) for each in asked) + " exclude each other"
    return ResolutionFailed(
        f"These requirements cannot be met together: {told}.",
        hint=f"Loosen or drop the version of {' or '.join(quote(name) for name in dict.fromkeys(map(_name, asked)))}.",
        details=reason.lines,
    )


def _name(requirement: str) -> str:
    return re.split(r"[\[=<>!~]", requirement, maxsplit=1)[0]


_ABOUT_PACKAGES = (
    _printing_python,
    _damaged_package,
    _unknown_package,
    _wrong_python,
    _no_file,
    _no_version,
    _no_wheel,
    _contradiction,
)
_EXPLANATIONS = (_another_server, _index_trouble, *_ABOUT_PACKAGES)
# The gateway raises index problems itself.
_BESIDE_PACKAGES = (_failed_build, *_ABOUT_PACKAGES)

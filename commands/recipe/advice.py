"""Explains in plain words why a build step failed, from the output of its own installer.

The step decides whose output counts. The output of a Python package during its build does not decide the message: it
can only add a hint, which says that the package is its source.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from commands.recipe.steps import StepKind
from commands.text import printable


@dataclass(frozen=True, slots=True)
class Advice:
    """The message and the hint of a failure."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Sign:
    """The pattern of a decisive line, and its advice with `{name}` for the pattern's groups."""

    pattern: re.Pattern[str]
    message: str
    hint: str

    def read(self, line: str) -> Advice | None:
        match = self.pattern.search(line)
        if match is None:
            return None
        groups = {name: _quotable(value) for name, value in match.groupdict(default="?").items()}
        return Advice(self.message.format_map(groups), self.hint.format_map(groups))


_SPELLING = "Check the spelling: distributions name their packages differently, and drop some of them over time."
_NETWORK = "See whether containers of this Docker daemon reach the network (proxy, DNS, firewall), then try again."
_TRUST = "Behind a proxy that inspects TLS, give the bot the proxy's CA bundle in its settings."
_DEV = "on Debian its name often ends in `-dev`"
_NO_VERSION = (
    "The base's distribution has no version `{version}` of the OS package `{name}`.",
    "Leave the version out, or ask for the one that the distribution has now.",
)
_NO_PACKAGE = ("The base's distribution has no OS package `{name}`.", _SPELLING)
_CONFLICT = ("The OS packages do not fit together.", "The log names those that conflict: leave one of them out.")
_NO_SPACE = (
    "The Docker daemon has no space left on its disk.",
    "Free some (`docker builder prune`, `docker image prune`), then try again.",
)
_KILLED = _Sign(
    re.compile(r"^\s*Killed\s*$|signal: killed|exit code: 137|Cannot allocate memory|MemoryError"),
    "The build was ended by the system, most likely for lack of memory.",
    "Try again when fewer builds run, or ask for fewer packages in one image.",
)

# The first sign of a list that matches any line wins: causes come before their effects.

# apt-get marks its own lines with a letter, apk with a word, dpkg with its name; the details below are indented.
# apk puts a star before what a package's script prints.
_OWN = r"^(?:E: |W: |Err:|ERROR: |WARNING: |dpkg: |\s+(?![\s*]))"
# apk names the address of a list, or a package, and then what went wrong (`apk_error_str` of apk-tools).
_APK_LIST = r"^(?:ERROR|WARNING): (?:[A-Za-z ]+ )?(?:https?|ftp)://\S+: "
_APK_FILE = r"^ERROR: \S+: "
_OS_SIGNS = (
    _Sign(
        re.compile(_OWN + r".*(?:No space left on device|Disk quota exceeded|You don't have enough free space)"),
        *_NO_SPACE,
    ),
    _Sign(re.compile(r"^E: Unable to locate package (?P<name>\S+)"), *_NO_PACKAGE),
    _Sign(re.compile(r"^E: Version '(?P<version>[^']+)' for '(?P<name>[^']+)' was not found"), *_NO_VERSION),
    _Sign(
        re.compile(r"^E: Package '(?P<name>[^']+)' has no installation candidate"),
        "The base's distribution offers no package `{name}` itself: it was withdrawn, or others provide it.",
        "Ask for one of the packages that the log names instead.",
    ),
    _Sign(re.compile(r"^E: (?:Unable to correct problems|Unmet dependencies)"), *_CONFLICT),
    _Sign(
        re.compile(
            r"^E: (?:Sub-process /usr/bin/dpkg returned an error code|dpkg was interrupted)"
            r"|^ERROR: \S+\.(?:trigger|(?:pre|post)-[a-z]+): (?:script )?(?:exited with|killed by)"
        ),
        "An OS package could not set itself up in the image.",
        "The lines before say why: another package or another base may do.",
    ),
    _Sign(
        re.compile(
            _OWN + r".*(?:Hash Sum mismatch|File has unexpected size)"
            rf"|{_APK_FILE}(?:unexpected end of file|BAD signature|.*(?:integrity|format|header|block|schema) error)"
        ),
        "The mirror gave a file that is not the one that its own list names.",
        "The mirror is being updated, or a cache on the way is out of date: try again in a few minutes.",
    ),
    _Sign(
        re.compile(_OWN + r".*(?:[Cc]ertificate verification failed|TLS: server cert)"),
        "Inside the build, the certificate of a server is not trusted.",
        _TRUST,
    ),
    _Sign(
        re.compile(_OWN + r".*\b40[13]:? +(?:Unauthorized|Forbidden)"),
        "The package mirror refused access.",
        "Check the credentials and the mirror in the base's own settings.",
    ),
    _Sign(
        re.compile(
            _OWN + r".*(?:Temporary failure resolving|Could not resolve|Could not connect to|[Cc]onnection timed out"
            r"|[Cc]onnection refused|Connection reset|[Nn]etwork (?:is )?unreachable|Host is unreachable"
            r"|temporary error \(try again later\)|[Oo]peration timed out)"
            rf"|(?:{_APK_LIST}|{_APK_FILE})(?:DNS|network|could not connect)\b"
        ),
        "Inside the build, the package mirror was not reached.",
        _NETWORK,
    ),
    _Sign(
        re.compile(r"^E: The repository '.*' is not signed|^(?:ERROR|WARNING): .*: UNTRUSTED signature"),
        "What the package mirror gave is not signed by a key that the base trusts.",
        "Choose another base, or add the mirror's key to this one (`/etc/apk/keys` on Alpine).",
    ),
    _Sign(
        re.compile(
            r"^E: (?:Failed to fetch|Some index files failed to download)"
            rf"|{_APK_LIST}|{_APK_FILE}(?:HTTP|remote server|package mentioned in index not found)\b"
        ),
        "The mirror of the base's distribution did not give all that was asked for.",
        "The base may be older than what the mirror still has: try again, or take a newer base.",
    ),
    # apk goes on without a list that it did not get, so these come after what is wrong with a mirror.
    _Sign(
        re.compile(r"^\s*required by: (?!world\[)(?P<name>\S+?)-[0-9][^-\s]*-r[0-9]+\[(?P<needed>[^\]]+)\]"),
        "The OS package `{name}` needs `{needed}`, which the base's distribution does not have.",
        "Another version of it, or a newer base, may do.",
    ),
    _Sign(re.compile(r"^\s*(?P<name>\S+) \(no such package\)"), *_NO_PACKAGE),
    _Sign(re.compile(r"^\s*breaks: world\[(?P<name>[^=\]]+)=(?P<version>[^\]]+)\]"), *_NO_VERSION),
    _Sign(re.compile(r"^\s+(?:breaks|conflicts): |^ERROR: \S+: trying to overwrite "), *_CONFLICT),
    _KILLED,
)
_WHEEL_SIGNS = (
    _Sign(
        re.compile(r"Querying Python at `[^`]*` returned an invalid response"),
        "The base's Python prints text when it starts or ends, which the installer does not understand.",
        "Remove what prints from the base, such as a `.pth` file among its packages, or use another base.",
    ),
    _Sign(re.compile(r"No space left on device|Disk quota exceeded"), *_NO_SPACE),
    _Sign(
        re.compile(r"Hash mismatch for `(?P<name>[^`]+)`"),
        "The file of `{name}` that reached the build is not the one that was confirmed, so it was not installed.",
        "Try again. If this happens again, look at the disks of the bot and of the Docker daemon.",
    ),
    _KILLED,
)
_CHECK = "`warroom check` looks at Docker's disk itself."
_SAYS = "The package's build says that {what}. "
_SOURCE_HINTS = (
    _Sign(
        re.compile(r"(?P<name>Python\.h): No such file or directory"),
        "the header files of Python are missing",
        "Add `python3-dev` to `packages`, or ask for a version that has wheels for this Python.",
    ),
    _Sign(
        re.compile(r"fatal error: (?P<name>\S+\.h(pp)?): No such file or directory"),
        "`{name}` is missing",
        f"Add the OS package that brings it to `packages`: {_DEV}.",
    ),
    _Sign(
        re.compile(r"cannot find -l(?P<name>[\w+.-]+)"),
        "the library `{name}` is missing",
        f"Add the OS package that brings it to `packages`: {_DEV}.",
    ),
    _Sign(
        re.compile(
            r"No such file or directory: '(?:[\w-]+-)?(?:gcc|g\+\+|cc|c\+\+|clang)'"
            r"|command '(?:[\w-]+-)?(?:gcc|g\+\+|cc|c\+\+|clang)' failed: No such file"
            r"|unable to execute '(?:[\w-]+-)?(?:gcc|g\+\+|cc|c\+\+|clang)'"
            r"|Unknown compiler\(s\)"
        ),
        "there is no compiler",
        "Add one to `packages` (`gcc,python3-dev` on Debian, `build-base,python3-dev` on Alpine), or ask for a "
        "version that has wheels for this Python.",
    ),
    _Sign(
        re.compile(r"(?i)can't find rust compiler|rust toolchain|cargo, the rust package manager, is not installed"),
        "Rust is missing",
        "Ask for a version that has wheels for this Python, or add `cargo,gcc,python3-dev` to `packages`.",
    ),
    _Sign(
        re.compile(r"Error: (?P<name>[\w.+-]+) executable not found"),
        "the program `{name}` is missing",
        "Add the OS package that brings it to `packages`, or ask for a ready-built variant of the Python package.",
    ),
    _Sign(re.compile(r"No space left on device|Disk quota exceeded"), "no disk space is left", _CHECK),
)
_ITS_OWN_WORDS = (
    "The last lines are the package's own words. Often a compiler or header files are missing (`gcc,python3-dev` in "
    "`packages`), or a version with wheels for this Python is the way out."
)
_TRIGGER = (
    "The base runs this instruction (`ONBUILD`) in every build on it. Choose another base, or have the instruction "
    "changed in this one. The last lines are the instruction's own words."
)


def explain(details: Sequence[str], kind: StepKind, *, sources: Sequence[str] = (), trigger: str = "") -> Advice | None:
    """Return advice on the last lines of a failed step; None if no line is known.

    `sources` are the packages that the step was to build, `trigger` is the base's instruction of the step.
    """
    match kind:
        case StepKind.BASE:
            return None
        case StepKind.TRIGGER:
            return Advice(f"A trigger of the base failed: `{_quotable(' '.join(trigger.split()))}`.", _TRIGGER)
        case StepKind.OS_PACKAGES:
            return _first(_OS_SIGNS, details)
        case StepKind.WHEELS:
            return _first(_WHEEL_SIGNS, details)
        case StepKind.SOURCES:
            return _source_advice(details, sources)
        case _:
            assert_never(kind)


def _source_advice(details: Sequence[str], sources: Sequence[str]) -> Advice:
    names = ", ".join(f"`{_quotable(name)}`" for name in sources)
    found = _first(_SOURCE_HINTS, details)
    hint = _ITS_OWN_WORDS if found is None else _SAYS.format(what=found.message) + found.hint
    return Advice(f"{names} could not be built from source.", hint)


def _first(signs: Sequence[_Sign], details: Sequence[str]) -> Advice | None:
    for sign in signs:
        for line in details:
            advice = sign.read(line)
            if advice is not None:
                return advice
    return None


def _quotable(text: str, *, most: int = 80) -> str:
    # It is output of a build: it must not end the quotation, and not be longer than a name.
    return printable(text).replace("`", "")[:most]

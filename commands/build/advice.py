"""Tell in plain words why a build failed, from the lines that installers and compilers print."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """What happened and what to do."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Sign:
    """A line that decides, with `{name}` for the groups of its pattern."""

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
_COMPILER = (
    "Add a compiler to `packages` (`gcc,python3-dev` on Debian, `build-base,python3-dev` on Alpine), or ask for a "
    "version that has wheels for this Python."
)

# The first one that any line shows is taken: causes stand before what they bring about.
_SIGNS = (
    _Sign(
        re.compile(r"No space left on device|Disk quota exceeded|You don't have enough free space"),
        "The Docker daemon ran out of disk space.",
        "Free some (`docker builder prune`, `docker image prune`), then try again.",
    ),
    _Sign(
        re.compile(r"E: Unable to locate package (?P<name>\S+)"),
        "The base's distribution has no OS package `{name}`.",
        _SPELLING,
    ),
    _Sign(
        re.compile(r"^\s*(?P<name>\S+) \(no such package\)"),
        "The base's distribution has no OS package `{name}`.",
        _SPELLING,
    ),
    _Sign(
        re.compile(r"E: Version '(?P<version>[^']+)' for '(?P<name>[^']+)' was not found"),
        "The base's distribution has no version `{version}` of the OS package `{name}`.",
        "Leave the version out, or ask for the one that the distribution has now.",
    ),
    _Sign(
        re.compile(r"breaks: world\[(?P<name>[^=\]]+)=(?P<version>[^\]]+)\]"),
        "The base's distribution has no version `{version}` of the OS package `{name}`.",
        "Leave the version out, or ask for the one that the distribution has now.",
    ),
    _Sign(
        re.compile(r"E: Package '(?P<name>[^']+)' has no installation candidate"),
        "The base's distribution offers no package `{name}` itself: it was withdrawn, or others provide it.",
        "Ask for one of the packages that the log names instead.",
    ),
    _Sign(
        re.compile(r"E: Unable to correct problems|E: Unmet dependencies"),
        "The OS packages do not fit together.",
        "The log names those that conflict: leave one of them out.",
    ),
    _Sign(
        re.compile(r"Sub-process /usr/bin/dpkg returned an error code|E: dpkg was interrupted"),
        "An OS package could not set itself up in the image.",
        "The lines before say why: another package or another base may do.",
    ),
    _Sign(
        re.compile(r"Hash mismatch for `(?P<name>[^`]+)`"),
        "The index gave another file for `{name}` than the one that was confirmed, so it was not installed.",
        "Type the command again to see what the index offers now. If this happens again, ask who runs the index: "
        "a published file never changes by itself.",
    ),
    _Sign(
        re.compile(r"Hash Sum mismatch|File has unexpected size"),
        "The mirror gave a file that is not the one that its own list names.",
        "The mirror is being updated, or a cache on the way is out of date: try again in a few minutes.",
    ),
    _Sign(
        re.compile(r"(?P<name>Python\.h): No such file or directory"),
        "A Python package has to be compiled, but the base has no header files of Python.",
        "Add `python3-dev` to `packages`, or ask for a version that has wheels for this Python.",
    ),
    _Sign(
        re.compile(r"fatal error: (?P<name>\S+\.h(pp)?): No such file or directory"),
        "A Python package has to be compiled and needs `{name}`, which the base does not have.",
        "Add the OS package that brings it to `packages`: on Debian its name often ends in `-dev`.",
    ),
    _Sign(
        re.compile(r"cannot find -l(?P<name>[\w+.-]+)"),
        "A Python package has to be compiled and needs the library `{name}`, which the base does not have.",
        "Add the OS package that brings it to `packages`: on Debian its name often ends in `-dev`.",
    ),
    _Sign(
        re.compile(
            r"No such file or directory: '(?:[\w-]+-)?(?:gcc|g\+\+|cc|c\+\+|clang)'"
            r"|command '(?:[\w-]+-)?(?:gcc|g\+\+|cc|c\+\+|clang)' failed: No such file"
            r"|unable to execute '(?:[\w-]+-)?(?:gcc|g\+\+|cc|c\+\+|clang)'"
            r"|Unknown compiler\(s\)"
        ),
        "A Python package has to be compiled, but the base has no compiler.",
        _COMPILER,
    ),
    _Sign(
        re.compile(r"(?i)can't find rust compiler|rust toolchain|cargo, the rust package manager, is not installed"),
        "A Python package has to be compiled and needs Rust, which the base does not have.",
        "Ask for a version that has wheels for this Python, or add `cargo,gcc,python3-dev` to `packages`.",
    ),
    _Sign(
        re.compile(r"Error: (?P<name>[\w.+-]+) executable not found"),
        "A Python package has to be built and needs the program `{name}`, which the base does not have.",
        "Add the OS package that brings it to `packages`, or ask for a ready-built variant of the Python package.",
    ),
    _Sign(
        re.compile(
            r"invalid peer certificate|CERTIFICATE_VERIFY_FAILED|[Cc]ertificate verification failed|TLS: server cert"
        ),
        "Inside the build, the certificate of a server is not trusted.",
        _TRUST,
    ),
    _Sign(
        re.compile(r"401 Unauthorized|403 Forbidden|\b40[13] +(?:Unauthorized|Forbidden)"),
        "The package index or mirror refused access.",
        "Check the credentials and the index in the bot's settings.",
    ),
    _Sign(
        re.compile(
            r"Temporary failure resolving|Could not resolve|failed to lookup address|dns error|Could not connect to"
            r"|[Cc]onnection timed out|[Cc]onnection refused|Network is unreachable|temporary error \(try again later\)"
            r"|operation timed out|error sending request|Request failed after"
        ),
        "Inside the build, the package index or mirror was not reached.",
        _NETWORK,
    ),
    _Sign(
        re.compile(r"E: Failed to fetch|E: Some index files failed to download"),
        "The mirror of the base's distribution did not give all that was asked for.",
        "The base may be older than what the mirror still has: try again, or take a newer base.",
    ),
    _Sign(
        re.compile(r"^\s*Killed\s*$|signal: killed|exit code: 137|Cannot allocate memory|MemoryError"),
        "The build was ended by the system, most likely for lack of memory.",
        "Try again when fewer builds run, or ask for versions that need no compiling.",
    ),
    _Sign(
        re.compile(r"[Ff]ailed to build `(?P<name>[^`]+)`"),
        "The Python package `{name}` could not be built from source.",
        "The log says why. Often a version with wheels for this Python, or a missing OS package, is the way out.",
    ),
)


def explain(details: Sequence[str]) -> Advice | None:
    """Find the decisive one among the last lines of a failed step; None where no line is known."""
    for sign in _SIGNS:
        for line in details:
            advice = sign.read(line)
            if advice is not None:
                return advice
    return None


def _quotable(text: str, *, most: int = 80) -> str:
    # It came out of a build: nothing that could end the quotation, and not more than a name is long.
    return "".join(letter for letter in text if letter.isprintable() and letter != "`")[:most]

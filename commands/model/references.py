"""Docker references: `[registry[:port]/]path[:tag][@digest]`."""

import re
from dataclasses import dataclass
from typing import Self

from commands.text import quote

LONGEST_REPOSITORY = 255
"""Characters of a repository with its registry; Docker's reference package, `NameTotalLengthMax`."""

HUB = "docker.io"
"""The default registry of a name; `defaultDomain` in `normalize.go` of the distribution project."""

TOOLS_NAMESPACE = "warroom"
"""The bot's own tools were once called so on the hub, where anybody may register it."""

TOOLS_HOST = f"{TOOLS_NAMESPACE}.invalid"
"""The host in the names of the bot's own tools: none can ever be there (RFC 2606)."""

# The grammar is `reference/regexp.go` of the distribution project, with three differences: a separator is never empty
# (the same language, without its exponential backtracking), a digest is SHA-256, and there are no IPv6 addresses.
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_REGISTRY = rf"(?:localhost|{_HOST}(?:\.{_HOST})+|{_HOST}(?=:))(?::[0-9]{{1,5}})?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<repository>(?:{_REGISTRY}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_REGISTRY_PREFIX = re.compile(rf"{_REGISTRY}/")
_IMAGE_ID = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SCHEME_AND_USER = re.compile(rf"{_SCHEME.pattern}(?:[^/@]*@)?")
_PLACEHOLDER = re.compile(r"(?<![A-Za-z])(?:VERSION|TAG|NAME|IMAGE|BASE|HERE|YOUR|XXX+)(?![A-Za-z])")


class Malformed(ValueError):
    """A value does not match its grammar; `correction` is the probable value, or None."""

    def __init__(self, message: str, *, advice: str, correction: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.correction = correction


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference. `repository` keeps its registry and port (`registry:5000/x`), short as people type it."""

    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a reference by Docker's grammar; raises `Malformed`."""
        _refuse_what_docker_reserves(text)
        found = _REFERENCE.fullmatch(text)
        if found is None or _PLACEHOLDER.search(text):
            raise _why_not(text)
        if len(_canonical(found["repository"])) > LONGEST_REPOSITORY:
            raise Malformed(
                f"{quote(text)} is too long for an image name",
                advice=f"Docker takes {LONGEST_REPOSITORY} characters, with the registry.",
            )
        return cls(repository=found["repository"], tag=found["tag"], digest=found["digest"])

    @property
    def registry(self) -> str:
        """The registry it is in: `docker.io` where none is named."""
        found = _REGISTRY_PREFIX.match(self.repository)
        registry = found[0].rstrip("/") if found else HUB
        return HUB if registry == f"index.{HUB}" else registry

    @property
    def path(self) -> str:
        """The repository within its registry: `library/python` for `python`."""
        found = _REGISTRY_PREFIX.match(self.repository)
        path = self.repository[found.end() :] if found else self.repository
        return f"library/{path}" if self.registry == HUB and "/" not in path else path

    @property
    def is_kept_for_tools(self) -> bool:
        """Whether it is a name of the bot's own tools, in any spelling and with any tag or digest."""
        host = self.registry.lower().partition(":")[0]
        return host == TOOLS_HOST or (host == HUB and self.path.startswith(f"{TOOLS_NAMESPACE}/"))

    def is_same_repository(self, other: Self) -> bool:
        """Return whether Docker treats both as one repository, in any spelling."""
        return (self.registry.lower(), self.path) == (other.registry.lower(), other.path)

    def is_same_image(self, other: Self) -> bool:
        """Return whether both name the same image, in any spelling; the default tag is `latest`."""
        own, others = (self.tag or "latest", self.digest), (other.tag or "latest", other.digest)
        return self.is_same_repository(other) and own == others

    @property
    def familiar_repository(self) -> str:
        """The repository as the daemon lists it: `python` for `docker.io/library/python`."""
        if self.registry != HUB:
            return self.repository
        # Docker leaves `library/` out only before a single component; `familiarizeName` of the distribution project.
        library, _, official = self.path.partition("/")
        return official if library == "library" and "/" not in official else self.path

    def __str__(self) -> str:
        """Write it as Docker takes it."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"


@dataclass(frozen=True, slots=True)
class DaemonName:
    """A name from the daemon's list, which need not be a valid typed name; `tag` may be empty."""

    repository: str
    tag: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Split a name at its tag; a colon before the last slash belongs to a registry's port. Takes any text."""
        repository, _, tag = text.rpartition(":")
        return cls(repository, tag) if repository and "/" not in tag else cls(text)

    def __str__(self) -> str:
        """Write it as the daemon lists it."""
        return f"{self.repository}:{self.tag}" if self.tag else self.repository


def refuse_name_of_tools(reference: Reference) -> None:
    """Raise `Malformed` if a name is reserved for the bot's own tools."""
    if reference.is_kept_for_tools:
        raise Malformed(
            f"{quote(str(reference))} is a name that is kept for the bot's own tools",
            advice=f"Give another name: not one in `{TOOLS_NAMESPACE}/` or on `{TOOLS_HOST}`.",
        )


def _refuse_what_docker_reserves(text: str) -> None:
    if text.partition(":")[0] == "scratch":
        raise Malformed(
            f"{quote(text)} is Docker's word for the empty image", advice="Give another name, for example `demisto/a`."
        )
    if _IMAGE_ID.fullmatch(text):
        raise Malformed(
            f"{quote(text)} is the ID of an image, not a name",
            advice="Give a name, for example `demisto/python3-deb:3.12.13.11694875`.",
        )


def _canonical(repository: str) -> str:
    # Docker measures the name after adding what people leave out.
    if _REGISTRY_PREFIX.match(repository):
        return repository
    return f"docker.io/{repository}" if "/" in repository else f"docker.io/library/{repository}"


def _why_not(text: str) -> Malformed:
    if _PLACEHOLDER.search(text):
        return Malformed(f"{quote(text)} holds a placeholder", advice="Put your own value in its place.")
    correction = _correction(text)
    if _SCHEME.match(text):
        message, advice = "is a URL, not an image name", "Leave out everything before the registry."
    elif correction is not None and correction.lower() == text.lower():
        message, advice = "is not an image name", "Docker takes lower case only."
    elif "@" in text:
        message, advice = "has no complete digest", "A digest is `sha256:` and 64 hexadecimal digits."
    else:
        message = "is not an image name"
        advice = (
            "Use lower-case letters and digits, with `.`, `_`, `-` or `/` between them and the tag behind a `:`, "
            "for example `demisto/python3:3.12.13.10404775`."
        )
    return Malformed(f"{quote(text)} {message}", advice=advice, correction=correction)


def _correction(text: str) -> str | None:
    bare = re.sub(r"\s+", "-", re.sub(r"/{2,}", "/", _SCHEME_AND_USER.sub("", text)).strip(" ./_-:@"))
    registry = found[0] if (found := _REGISTRY_PREFIX.match(bare)) else ""
    name, at, digest = bare.removeprefix(registry).partition("@")
    path, colon, tag = name.partition(":")
    repository = f"{registry}{path.lower()}"
    with_tag = f"{repository}{colon}{tag}"
    # What holds a `/` is no tag but the rest of a name, and the name is not good without it.
    candidates = (f"{with_tag}{at}{digest.lower()}", with_tag, "" if "/" in tag else repository)
    return next((good for good in candidates if good != text and _REFERENCE.fullmatch(good)), None)

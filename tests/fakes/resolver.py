"""A package index in memory, and a resolver over it."""

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from commands.errors import IndexUnreachable, PackageNotFound, ResolutionFailed
from commands.model.images import BaseImage
from commands.model.packages import LockedPackage, PythonRequirement
from tests.fakes.files import a_wheel


@dataclass(frozen=True, slots=True)
class Release:
    """One version: `needs` are PEP 508 lines, with `; extra == "x"` for what an extra brings."""

    version: str
    needs: tuple[str, ...] = ()
    requires_python: str = ""


@dataclass(frozen=True, slots=True)
class _Wish:
    who: str
    what: Requirement


SMALL_INDEX: Mapping[str, tuple[Release, ...]] = {
    "django": (
        Release("4.2.30", ("sqlparse>=0.3.1",), ">=3.8"),
        Release("5.0rc1", ("sqlparse>=0.3.1",), ">=3.10"),
        Release("5.0", ("sqlparse>=0.3.1",), ">=3.10"),
    ),
    "html5lib": (Release("1.1", ("six>=1.9", "webencodings")),),
    "mechanize": (Release("0.4.9", ("html5lib>=0.999999999",)), Release("0.4.10", ("html5lib>=0.999999999",))),
    "pysocks": (Release("1.7.1"),),
    "requests": (Release("2.31.0", ("urllib3<3,>=1.21.1", 'pysocks!=1.5.7,>=1.5.6; extra == "socks"')),),
    "six": (Release("1.17.0"),),
    "sqlparse": (Release("0.5.3"),),
    "urllib3": (Release("1.20"), Release("2.7.0")),
    "webencodings": (Release("0.5.1"),),
}


class FakeResolver:
    """A `Resolver` over releases in memory: always the newest that fits, without going back on a choice."""

    def __init__(self, index: Mapping[str, tuple[Release, ...]] = SMALL_INDEX, *, reachable: bool = True) -> None:
        self.index = index
        self.reachable = reachable

    def resolve(
        self, requirements: tuple[PythonRequirement, ...], base: BaseImage, *, labels: Mapping[str, str]
    ) -> tuple[LockedPackage, ...]:
        """See `Resolver`; nothing is ever built, so `labels` are not used."""
        del labels
        if not requirements:
            return ()
        if not self.reachable:
            raise IndexUnreachable("The package index refused the connection.", hint="Try again in a minute.")
        asked = [_Wish("", Requirement(str(requirement))) for requirement in requirements]
        chosen = self._settled(asked, base.python.version)
        requested = {canonicalize_name(requirement.name) for requirement in requirements}
        return tuple(
            LockedPackage(name, release.version, a_wheel(name, release.version), requested=name in requested)
            for name, release in sorted(chosen.items())
        )

    def _settled(self, asked: list[_Wish], python: str) -> dict[str, Release]:
        chosen: dict[str, Release] = {}
        while True:
            wishes = asked + [wish for name, release in chosen.items() for wish in _brought(name, release, asked)]
            names = dict.fromkeys(canonicalize_name(wish.what.name) for wish in wishes)
            again: dict[str, Release] = {name: self._newest(name, wishes, python) for name in names}
            if again == chosen:
                return chosen
            chosen = again

    def _newest(self, name: str, wishes: list[_Wish], python: str) -> Release:
        about = [wish for wish in wishes if canonicalize_name(wish.what.name) == name]
        if name not in self.index:
            raise PackageNotFound(
                f"There is no Python package `{name}` in the package index.", hint="Check the spelling."
            )
        allowed = SpecifierSet(",".join(str(wish.what.specifier) for wish in about if wish.what.specifier))
        fitting = [release for release in self.index[name] if allowed.contains(release.version)]
        if not fitting:
            raise ResolutionFailed(
                f"These requirements cannot be met together: {_told(about)}.", hint="Loosen or drop a version."
            )
        running = [release for release in fitting if SpecifierSet(release.requires_python).contains(python)]
        if not running:
            needs = f"`{name}=={fitting[-1].version}` needs Python {fitting[-1].requires_python}"
            raise ResolutionFailed(f"{needs}; the base has Python {python}.", hint="Ask for another version.")
        return max(running, key=lambda release: Version(release.version))


def _brought(name: str, release: Release, asked: list[_Wish]) -> list[_Wish]:
    extras = {extra for wish in asked if canonicalize_name(wish.what.name) == name for extra in wish.what.extras}
    needs = [Requirement(line) for line in release.needs]
    fitting = [
        need for need in needs if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras)
    ]
    return [_Wish(f"{name}=={release.version}", need) for need in fitting]


def _told(wishes: list[_Wish]) -> str:
    parts = [f"`{wish.who}` needs `{wish.what}`" if wish.who else f"`{wish.what}` is asked for" for wish in wishes]
    return ", but ".join(parts)

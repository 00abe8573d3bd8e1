"""Checks whether a rebuild would improve an image that the bot made: a newer base or newer packages."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from commands.command import Creation, Finding, Keep, NoSource, Plan, Rebuild, Severity
from commands.engine.interface import PullProgress
from commands.errors import EngineUnavailable, ImageNotFound, Problem
from commands.host.asking import CachedRegistry, Once
from commands.host.history import repository_of
from commands.host.origin import wanted_again
from commands.host.selection import Found
from commands.host.subjects import Registered, Sourceless, digests_of, registry_kind
from commands.model.images import BaseImage, Digest, ImageId, ImageSpec, LocalImage
from commands.model.references import Reference
from commands.model.requests import CreateImage
from commands.proposing import propose, pull_status
from commands.recipe.labels import SPEC, MadeBy, read_labels, spec_hash
from commands.registry.interface import Remote
from commands.sources import Sources
from commands.text import count_of, quote

MOST_CHANGES = 12
"""Maximum number of changes of one image in a review."""

NEWER_OS_PACKAGES = "picks up newer OS packages (known only after building)"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_UNREADABLE = NoSource("its labels do not say how it was built")


@dataclass(frozen=True, slots=True)
class Rebuilds:
    """Checks images that the bot made; bases that several share are looked up and pulled once.

    An image that `is_asked_for_alone` is also rebuilt for newer OS packages, which no index lists.
    """

    sources: Sources
    registry: CachedRegistry
    is_asked_for_alone: bool
    pulls: Once[str, LocalImage] = field(default_factory=Once)

    def check(self, subject: Found, report: Callable[[str], None]) -> tuple[Plan, tuple[Finding, ...]]:
        """Return what a rebuild would change; raises `Problem` if the check fails."""
        made = read_labels(subject.image.labels)
        request = wanted_again(made.request) if made and made.request else None
        # The labels must match the image's name, because a rebuild replaces the image of that name.
        if made is None or request is None or request.name != repository_of(subject.name):
            return _UNREADABLE, ()
        base, findings = self._base(request, report)
        creation = propose(request, self.sources, report, base=base)
        if creation.existing is not None and creation.existing.image.id == subject.image.id:
            # Do not offer the image as its own replacement.
            creation = replace(creation, existing=None)
        return self._plan(subject, made, creation, report), findings

    def _plan(self, subject: Found, made: MadeBy, creation: Creation, report: Callable[[str], None]) -> Plan:
        spec = creation.spec
        if spec_hash(spec) != subject.image.labels.get(SPEC):
            report(f"Comparing the packages of {subject.name}")
            return Rebuild(creation, _changes(made, spec, self._packages_of(subject.image.id)))
        if not spec.os_packages:
            return Keep("already on the newest allowed base and packages")
        if self.is_asked_for_alone:
            return Rebuild(creation, (NEWER_OS_PACKAGES,))
        return Keep(
            "already on the newest allowed base and Python packages; "
            f"`image={subject.name}` rebuilds it for newer OS packages"
        )

    def _packages_of(self, image: ImageId) -> Mapping[str, str] | None:
        try:
            inventory = self.sources.inventories.of(image, self.sources.labels)
        except EngineUnavailable:
            raise
        except Problem:
            # The old versions are optional: the review can list the new ones without them.
            return None
        return None if inventory.gap else inventory.python

    # ── The base ────────────────────────────────────────────────────────────────────────────────────────────────

    def _base(
        self, request: CreateImage, report: Callable[[str], None]
    ) -> tuple[BaseImage | None, tuple[Finding, ...]]:
        """Return the newest image of the base; None means the one on the host, or the one pulled by digest."""
        reference = request.base or self.sources.default_base
        local = self.sources.engine.find_image(str(reference))
        known = Registered(reference) if local is None else registry_kind(reference, local)
        if reference.digest is not None or isinstance(known, Sourceless):
            return None, ()
        report(f"Asking {reference.registry} about the base {reference}")
        try:
            remote = self.registry.look_up(reference)
        except EngineUnavailable:
            raise
        except Problem as problem:
            if local is None:
                raise
            is_local_name = known.otherwise and isinstance(problem, ImageNotFound)
            return None, () if is_local_name else (_base_not_checked(reference, problem),)
        return self._newest(reference, remote, local, report), ()

    def _newest(
        self, reference: Reference, remote: Remote, local: LocalImage | None, report: Callable[[str], None]
    ) -> BaseImage | None:
        source = Reference(remote.source.repository, digest=remote.digest)
        here = () if local is None else _digests(local, reference, source)
        if local is not None and not here:
            # Somebody gave the base's name to another image on this host: keep that meaning.
            return None
        image = local if local is not None and remote.digest in here else self._pull(source, report)
        # Use the name of the repository that it was pulled from: FROM finds it only by that name.
        is_own = remote.digest in digests_of(image, reference.repository)
        known = reference if is_own else Reference(source.repository, reference.tag)
        return replace(self.sources.bases.look_at(image, known, self.sources.labels), digest=remote.digest)

    def _pull(self, source: Reference, report: Callable[[str], None]) -> LocalImage:
        def progress_text(progress: PullProgress) -> str:
            return pull_status(f"the newer base {source.repository}", progress)

        def fetch() -> LocalImage:
            # By digest: no tag on the host moves before somebody confirms.
            present = self.sources.engine.find_image(str(source))
            if present is not None:
                return present
            self.sources.registry.require(source)
            return self.sources.engine.pull(source, lambda progress: report(progress_text(progress)))

        return self.pulls.get(str(source), fetch)


def _digests(image: LocalImage, *references: Reference) -> tuple[Digest, ...]:
    return tuple(digest for reference in references for digest in digests_of(image, reference.repository))


def _base_not_checked(reference: Reference, problem: Problem) -> Finding:
    message = f"The base {quote(str(reference))} could not be checked for a newer version: {problem.message}"
    return Finding("base-not-checked", Severity.WARNING, message)


# ── What would be new ───────────────────────────────────────────────────────────────────────────────────────────────


def _changes(made: MadeBy, spec: ImageSpec, before: Mapping[str, str] | None) -> tuple[str, ...]:
    changes = [*_base_change(made, spec.base), *_package_changes(spec, before)]
    more = len(changes) - MOST_CHANGES
    if more > 0:
        changes[MOST_CHANGES:] = [f"and {more} more"]
    # The hashes differ although all names and versions are equal, for example other files of one version.
    return tuple(changes) or ("the same versions, built with a newer recipe",)


def _base_change(made: MadeBy, base: BaseImage) -> tuple[str, ...]:
    old, new = made.base_digest or "", base.digest or base.image_id
    if old == new:
        return ()
    return (f"base {_short(old)} → {_short(new)}",)


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12] if _DIGEST.fullmatch(digest) else "unknown"


def _package_changes(spec: ImageSpec, before: Mapping[str, str] | None) -> tuple[str, ...]:
    locked = (*spec.requested, *spec.transitive)
    if before is None:
        return (f"{count_of(len(locked), 'Python package')} resolved again",) if locked else ()
    # Packages that are no longer locked are not listed: only a build shows whether the base has them.
    return tuple(
        f"{package.name} {before[package.name]} → {package.version}"
        if package.name in before
        else f"{package.name} {package.version} is new"
        for package in locked
        if before.get(package.name) != package.version
    )

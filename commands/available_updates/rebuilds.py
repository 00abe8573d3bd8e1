"""Whether an image that the bot made can be made better: on a newer base, with newer packages."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from commands.command import Creation, Finding, Keep, NoSource, Plan, Rebuild, Severity
from commands.engine.interface import PullProgress
from commands.errors import EngineUnavailable, ImageNotFound, Problem
from commands.host.asking import Once, RegistryDigests
from commands.host.history import repository_of
from commands.host.origin import wanted_again
from commands.host.selection import Found
from commands.host.subjects import Registered, Sourceless, digests_of, registered
from commands.model.images import BaseImage, Digest, ImageId, ImageSpec, LocalImage
from commands.model.references import Reference, quoted
from commands.model.requests import CreateImage
from commands.proposing import propose, told_of_pull
from commands.recipe.labels import SPEC, MadeBy, read_labels, spec_hash
from commands.registry.interface import Remote
from commands.sources import Sources

MOST_CHANGES = 12
"""How many changes of one image a review lists."""

OS_PACKAGES_ANEW = "picks up newer OS packages (known only after building)"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_UNREADABLE = NoSource("its labels do not say how it was built")


@dataclass(frozen=True, slots=True)
class Rebuilds:
    """Checks images that the bot made. What several have in common is asked and pulled once.

    An image that `is_asked_for_alone` is also rebuilt for OS packages that may be newer: no index tells.
    """

    sources: Sources
    asked: RegistryDigests
    is_asked_for_alone: bool
    pulls: Once[str, LocalImage] = field(default_factory=Once)

    def check(self, subject: Found, report: Callable[[str], None]) -> tuple[Plan, tuple[Finding, ...]]:
        """Say what a rebuild would bring; raises `Problem` where that cannot be found out."""
        made = read_labels(subject.image.labels)
        request = wanted_again(made.request) if made and made.request else None
        # What the labels tell must fit the name that the image has: nothing else would replace it.
        if made is None or request is None or request.name != repository_of(subject.name):
            return _UNREADABLE, ()
        base, findings = self._base(request, report)
        creation = propose(request, self.sources, report, base=base)
        if creation.existing is not None and creation.existing.image.id == subject.image.id:
            # It is not offered instead of itself.
            creation = replace(creation, existing=None)
        return self._compared(subject, made, creation, report), findings

    def _compared(self, subject: Found, made: MadeBy, creation: Creation, report: Callable[[str], None]) -> Plan:
        spec = creation.spec
        if spec_hash(spec) != subject.image.labels.get(SPEC):
            report(f"Comparing the packages of {subject.name}")
            return Rebuild(creation, _changes(made, spec, self._packages_of(subject.image.id)))
        if not spec.os_packages:
            return Keep("already on the newest allowed base and packages")
        if self.is_asked_for_alone:
            return Rebuild(creation, (OS_PACKAGES_ANEW,))
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
            # What is new is the point, what was before only tells more of it.
            return None
        return None if inventory.gap else inventory.python

    # ── The base ────────────────────────────────────────────────────────────────────────────────────────────────

    def _base(
        self, request: CreateImage, report: Callable[[str], None]
    ) -> tuple[BaseImage | None, tuple[Finding, ...]]:
        """Find the newest image of the base; None leaves it to the one that is on the host, or is pulled by digest."""
        reference = request.base or self.sources.default_base
        local = self.sources.engine.find_image(str(reference))
        known = Registered(reference) if local is None else registered(reference, local)
        if reference.digest is not None or isinstance(known, Sourceless):
            return None, ()
        report(f"Asking {reference.registry} about the base {reference}")
        try:
            remote = self.asked.look_up(reference)
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
            # Another image was given the base's name on this host: it is what people here mean by it.
            return None
        image = local if local is not None and remote.digest in here else self._fetched(source, report)
        # By the name whose repository the daemon has it from: a Dockerfile's FROM finds it by that only.
        is_own = remote.digest in digests_of(image, reference.repository)
        known = reference if is_own else Reference(source.repository, reference.tag)
        return replace(self.sources.bases.look_at(image, known, self.sources.labels), digest=remote.digest)

    def _fetched(self, source: Reference, report: Callable[[str], None]) -> LocalImage:
        def told(progress: PullProgress) -> str:
            return told_of_pull(f"the newer base {source.repository}", progress)

        def fetch() -> LocalImage:
            # By digest: no name on the host moves before somebody has confirmed anything.
            present = self.sources.engine.find_image(str(source))
            if present is not None:
                return present
            self.sources.registry.require(source)
            return self.sources.engine.pull(source, lambda progress: report(told(progress)))

        return self.pulls.of(str(source), fetch)


def _digests(image: LocalImage, *references: Reference) -> tuple[Digest, ...]:
    return tuple(digest for reference in references for digest in digests_of(image, reference.repository))


def _base_not_checked(reference: Reference, problem: Problem) -> Finding:
    message = f"The base {quoted(str(reference))} could not be checked for a newer version: {problem.message}"
    return Finding("base-not-checked", Severity.WARNING, message)


# ── What would be new ───────────────────────────────────────────────────────────────────────────────────────────────


def _changes(made: MadeBy, spec: ImageSpec, before: Mapping[str, str] | None) -> tuple[str, ...]:
    changes = [*_base_change(made, spec.base), *_package_changes(spec, before)]
    more = len(changes) - MOST_CHANGES
    if more > 0:
        changes[MOST_CHANGES:] = [f"and {more} more"]
    # The hash tells them apart although nothing that people see by name does, such as other files of one version.
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
        count = len(locked)
        return (f"{count} Python package{'' if count == 1 else 's'} resolved again",) if locked else ()
    # What is no longer locked is not told: whether the base brings it is seen only when it is built.
    return tuple(
        f"{package.name} {before[package.name]} → {package.version}"
        if package.name in before
        else f"{package.name} {package.version} is new"
        for package in locked
        if before.get(package.name) != package.version
    )

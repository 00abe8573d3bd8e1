"""Checks images of the host for something newer, many at once; nothing on the host changes its name."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock
from typing import assert_never

from commands.available_updates.rebuilds import Rebuilds
from commands.command import Candidate, Finding, NoSource, Plan, Unchecked
from commands.errors import EngineUnavailable, ImageNotFound, Problem
from commands.host.asking import RegistryDigests, ask_all
from commands.host.plans import ordered, pulled, rationed
from commands.host.selection import Found
from commands.host.subjects import Kind, MadeHere, Registered, Sourceless, kind_of, mark_of
from commands.model.images import Digest, ImageId
from commands.model.references import Reference
from commands.registry.interface import Remote
from commands.sources import Sources

REBUILDS_AT_ONCE = 2
"""How many rebuilds are looked into at one time: each may pull a base, and resolve."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What an update would do with each image, what changes first, and what was noticed."""

    candidates: tuple[Candidate, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found out about one image; a `Problem` is why it was not."""

    plan: Plan | Problem
    remote: Digest | None = None
    findings: tuple[Finding, ...] = ()


def check_one(
    subject: Found, holders: Mapping[str, ImageId], sources: Sources, report: Callable[[str], None]
) -> Checked:
    """Check one image; `holders` are all names of the host. Raises `Problem` where it cannot be checked."""
    return _check((subject,), holders, sources, report, is_alone=True)


def check_all(
    subjects: Sequence[Found], holders: Mapping[str, ImageId], sources: Sources, report: Callable[[str], None]
) -> Checked:
    """Check many images; one that cannot be checked says so. Raises `Problem` where the daemon fails."""
    return _check(subjects, holders, sources, report, is_alone=False)


def _check(
    subjects: Sequence[Found],
    holders: Mapping[str, ImageId],
    sources: Sources,
    report: Callable[[str], None],
    *,
    is_alone: bool,
) -> Checked:
    kinds = {subject.name: kind_of(subject, holders) for subject in subjects}
    asked = RegistryDigests(sources.registry)
    answers = ask_all(asked, [kind.reference for kind in kinds.values() if isinstance(kind, Registered)], report)
    rebuilds = Rebuilds(sources, asked, is_asked_for_alone=is_alone)
    made_here = [subject for subject in subjects if isinstance(kinds[subject.name], MadeHere)]
    rebuilt = _looked_into(made_here, rebuilds, report, is_alone=is_alone)
    looked = {subject.name: _looked_at(subject, kinds[subject.name], answers, rebuilt) for subject in subjects}
    candidates = [_candidate(subject, looked[subject.name], is_alone=is_alone) for subject in subjects]
    remotes = [answer for answer in answers.values() if not isinstance(answer, Problem)]
    allowed, quota_findings = rationed(candidates, remotes)
    findings = dict.fromkeys(finding for each in looked.values() for finding in each.findings)
    return Checked(ordered(_with_users(allowed, sources)), (*findings, *quota_findings))


def _looked_at(
    subject: Found, kind: Kind, answers: Mapping[Reference, Remote | Problem], rebuilt: Mapping[str, _Looked]
) -> _Looked:
    match kind:
        case Sourceless(reason):
            return _Looked(NoSource(reason))
        case MadeHere():
            return rebuilt[subject.name]
        case Registered(reference, otherwise):
            answer = answers[reference]
            if isinstance(answer, ImageNotFound) and otherwise:
                # Nothing says that the image came from there, so that it is not known there is no surprise.
                return _Looked(NoSource(otherwise))
            if isinstance(answer, Problem):
                return _Looked(answer)
            return _Looked(*pulled(subject, kind, answer))
        case _:
            assert_never(kind)


def _looked_into(
    subjects: Sequence[Found], rebuilds: Rebuilds, report: Callable[[str], None], *, is_alone: bool
) -> Mapping[str, _Looked]:
    if not subjects:
        return {}
    one_at_a_time = Lock()

    def look_into(subject: Found) -> _Looked:
        def told(doing: str) -> None:
            with one_at_a_time:
                report(doing if is_alone else f"{subject.name}: {doing}")

        try:
            plan, findings = rebuilds.check(subject, told)
        except EngineUnavailable:
            raise
        except Problem as problem:
            return _Looked(problem)
        return _Looked(plan, findings=findings)

    with ThreadPoolExecutor(REBUILDS_AT_ONCE, thread_name_prefix="warroom-rebuild") as pool:
        looked = pool.map(look_into, subjects)
        return {subject.name: each for subject, each in zip(subjects, looked, strict=True)}


def _candidate(subject: Found, looked: _Looked, *, is_alone: bool) -> Candidate:
    plan = looked.plan
    if isinstance(plan, Problem):
        if is_alone:
            raise plan
        plan = Unchecked(plan.message, plan.hint)
    return Candidate(subject.name, mark_of(subject), looked.remote, plan)


def _with_users(candidates: Sequence[Candidate], sources: Sources) -> tuple[Candidate, ...]:
    changing = dict.fromkeys(candidate.present.id for candidate in candidates if candidate.is_changed)
    users = sources.lineage.users(tuple(changing))
    return tuple(
        replace(candidate, users=users[candidate.present.id]) if candidate.is_changed else candidate
        for candidate in candidates
    )

"""Checks images of the host for updates, many concurrently; no tag on the host moves."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock
from typing import assert_never

from commands.available_updates.rebuilds import Rebuilds
from commands.command import Candidate, Finding, NoSource, Plan, Unchecked
from commands.errors import EngineUnavailable, ImageNotFound, Problem
from commands.host.asking import CachedRegistry, ask_all
from commands.host.plans import apply_quotas, by_urgency, pull_plan
from commands.host.selection import Found
from commands.host.subjects import Kind, MadeHere, Registered, Sourceless, kind_of, mark_of
from commands.model.images import Digest, ImageId
from commands.model.references import Reference
from commands.registry.interface import Remote
from commands.sources import Sources

REBUILDS_AT_ONCE = 2
"""Maximum number of rebuilds that are checked at the same time: each may pull a base and resolve packages."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The plan for each image, changes first, and the findings."""

    candidates: tuple[Candidate, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _CheckResult:
    """The plan for one image, or the `Problem` that prevented the check."""

    plan: Plan | Problem
    remote: Digest | None = None
    findings: tuple[Finding, ...] = ()


def check_one(
    subject: Found, holders: Mapping[str, ImageId], sources: Sources, report: Callable[[str], None]
) -> Checked:
    """Check one image; `holders` maps all names on the host to images. Raises `Problem` if the check fails."""
    return _check((subject,), holders, sources, report, is_alone=True)


def check_all(
    subjects: Sequence[Found], holders: Mapping[str, ImageId], sources: Sources, report: Callable[[str], None]
) -> Checked:
    """Check many images; one whose check fails becomes `Unchecked`. Raises `Problem` if the daemon fails."""
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
    registry = CachedRegistry(sources.registry)
    answers = ask_all(registry, [kind.reference for kind in kinds.values() if isinstance(kind, Registered)], report)
    rebuilds = Rebuilds(sources, registry, is_asked_for_alone=is_alone)
    made_here = [subject for subject in subjects if isinstance(kinds[subject.name], MadeHere)]
    rebuilt = _check_rebuilds(made_here, rebuilds, report, is_alone=is_alone)
    results = {subject.name: _check_result(subject, kinds[subject.name], answers, rebuilt) for subject in subjects}
    candidates = [_candidate(subject, results[subject.name], is_alone=is_alone) for subject in subjects]
    remotes = [answer for answer in answers.values() if not isinstance(answer, Problem)]
    allowed, quota_findings = apply_quotas(candidates, remotes)
    findings = dict.fromkeys(finding for each in results.values() for finding in each.findings)
    return Checked(by_urgency(_with_users(allowed, sources)), (*findings, *quota_findings))


def _check_result(
    subject: Found, kind: Kind, answers: Mapping[Reference, Remote | Problem], rebuilt: Mapping[str, _CheckResult]
) -> _CheckResult:
    match kind:
        case Sourceless(reason):
            return _CheckResult(NoSource(reason))
        case MadeHere():
            return rebuilt[subject.name]
        case Registered(reference, otherwise):
            answer = answers[reference]
            if isinstance(answer, ImageNotFound) and otherwise:
                # The image may never have come from there, so its absence is not a problem.
                return _CheckResult(NoSource(otherwise))
            if isinstance(answer, Problem):
                return _CheckResult(answer)
            return _CheckResult(*pull_plan(subject, kind, answer))
        case _:
            assert_never(kind)


def _check_rebuilds(
    subjects: Sequence[Found], rebuilds: Rebuilds, report: Callable[[str], None], *, is_alone: bool
) -> Mapping[str, _CheckResult]:
    if not subjects:
        return {}
    one_at_a_time = Lock()

    def look_into(subject: Found) -> _CheckResult:
        def report_progress(doing: str) -> None:
            with one_at_a_time:
                report(doing if is_alone else f"{subject.name}: {doing}")

        try:
            plan, findings = rebuilds.check(subject, report_progress)
        except EngineUnavailable:
            raise
        except Problem as problem:
            return _CheckResult(problem)
        return _CheckResult(plan, findings=findings)

    with ThreadPoolExecutor(REBUILDS_AT_ONCE, thread_name_prefix="warroom-rebuild") as pool:
        results = pool.map(look_into, subjects)
        return {subject.name: each for subject, each in zip(subjects, results, strict=True)}


def _candidate(subject: Found, results: _CheckResult, *, is_alone: bool) -> Candidate:
    plan = results.plan
    if isinstance(plan, Problem):
        if is_alone:
            raise plan
        plan = Unchecked(plan.message, plan.hint)
    return Candidate(subject.name, mark_of(subject), results.remote, plan)


def _with_users(candidates: Sequence[Candidate], sources: Sources) -> tuple[Candidate, ...]:
    changing = dict.fromkeys(candidate.present.id for candidate in candidates if candidate.is_changed)
    users = sources.lineage.users(tuple(changing))
    return tuple(
        replace(candidate, users=users[candidate.present.id]) if candidate.is_changed else candidate
        for candidate in candidates
    )

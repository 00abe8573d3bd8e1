"""The plan of an update for each image, in the order and the words of a review. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import assert_never

from commands.command import Candidate, Finding, Keep, NoSource, Plan, Pull, Rebuild, Refusal, Severity, Unchecked
from commands.host.selection import Found
from commands.host.subjects import Registered, digests_of
from commands.model.images import Digest
from commands.model.references import Reference
from commands.registry.interface import Remote
from commands.text import count_of, in_words, plural, quote

FEW_PULLS = 10
"""The review notes the remaining pulls if they are this many or fewer."""

MOST_NAMED = 5
"""Maximum number of containers, images or names in one sentence."""


def pull_plan(subject: Found, kind: Registered, remote: Remote) -> tuple[Plan, Digest | None]:
    """Return the plan for an image from a registry, and the registry's digest if the image comes from there."""
    source = remote.source.repository
    here = {*digests_of(subject.image, kind.reference.repository), *digests_of(subject.image, source)}
    if not here:
        return NoSource(kind.otherwise), None
    if remote.digest in here:
        return Keep("the registry has the same"), remote.digest
    return Pull(Reference(source, digest=remote.digest), remote.digest), remote.digest


def by_urgency(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Sort candidates: changes first, then unchecked ones, each group by name."""
    return tuple(sorted(candidates, key=lambda candidate: (_rank(candidate.plan), candidate.name)))


def _rank(plan: Plan) -> int:
    match plan:
        case Pull() | Rebuild():
            return 0
        case Unchecked():
            return 1
        case Keep():
            return 2
        case NoSource():
            return 3
        case _:
            assert_never(plan)


# ── How much the registries still allow ─────────────────────────────────────────────────────────────────────────────


def apply_quotas(
    candidates: Sequence[Candidate], remotes: Iterable[Remote]
) -> tuple[tuple[Candidate, ...], tuple[Finding, ...]]:
    """Limit the planned pulls to each registry's quota, the smallest one that it reported."""
    left: dict[str, int] = {}
    for remote in remotes:
        if remote.quota is not None:
            registry = remote.source.registry
            left[registry] = max(0, min(remote.quota.remaining, left.get(registry, remote.quota.remaining)))
    planned: defaultdict[str, list[str]] = defaultdict(list)
    for candidate in by_urgency(candidates):
        if isinstance(candidate.plan, Pull):
            planned[candidate.plan.source.registry].append(candidate.name)
    too_many = {
        name: _not_now(left[registry])
        for registry, names in planned.items()
        if registry in left
        for name in names[left[registry] :]
    }
    kept = tuple(
        replace(candidate, plan=too_many[candidate.name]) if candidate.name in too_many else candidate
        for candidate in candidates
    )
    findings = (_quota_finding(registry, left[registry], len(planned[registry])) for registry in left)
    return kept, tuple(finding for finding in findings if finding is not None)


def _not_now(left: int) -> Unchecked:
    return Unchecked(
        f"There is a newer one, but the registry allows {'only ' if left else ''}{_pulls(left)} for now.",
        hint="Try again later, or log the bot in to the registry: that may allow more pulls.",
    )


def _pulls(count: int) -> str:
    return count_of(count, "more pull") if count else "no more pulls"


def _quota_finding(registry: str, left: int, planned: int) -> Finding | None:
    if left < planned:
        message = (
            f"{quote(registry)} allows {_pulls(left)} for now: "
            f"{planned - left} of {planned} newer images cannot be pulled."
        )
        return Finding("registry-quota", Severity.WARNING, message)
    if planned and left - planned <= FEW_PULLS:
        message = f"{quote(registry)} will allow {_pulls(left - planned)} for now after this update."
        return Finding("registry-quota", Severity.NOTE, message)
    return None


# ── What else there is to know ──────────────────────────────────────────────────────────────────────────────────────


def running_finding(candidates: Iterable[Candidate]) -> tuple[Finding, ...]:
    """Warn about containers that keep running on the old image: the bot does not touch containers."""
    running = sorted({name for each in candidates if each.is_changed for name in each.users.running})
    if not running:
        return ()
    goes, it = plural(len(running), "keeps", "keep"), plural(len(running), "it", "them")
    message = f"{join_names(running)} {goes} the old image until you recreate {it}."
    return (Finding("containers-go-on", Severity.WARNING, message),)


def nameless_finding(count: int) -> tuple[Finding, ...]:
    """Note that images without a name were not checked."""
    if not count:
        return ()
    have, are = plural(count, "has", "have"), plural(count, "is", "are")
    message = f"{count_of(count, 'image')} {have} no name and {are} left out."
    return (Finding("nameless", Severity.NOTE, message),)


def refusal_of_tool(name: str) -> Refusal:
    """Return the refusal to change one of the bot's own tools, given by ID or by another name."""
    return Refusal(
        f"{quote(name)} is one of the bot's own tools",
        "The bot manages it itself.",
        "Choose another image: `/docker_images` lists the images.",
    )


def join_names(names: Sequence[str], last: str = "and") -> str:
    """Join the first few names for a sentence; `last` is the word before the last one."""
    return in_words([quote(name) for name in names], last=last, most=MOST_NAMED)


def update_title(candidates: Sequence[Candidate]) -> str:
    """Return the question of the review."""
    if len(candidates) == 1:
        return f"Update {quote(candidates[0].name)}?"
    changing = sum(candidate.is_changed for candidate in candidates)
    return f"Update {changing} of {len(candidates)} images?"


def nothing_title(candidates: Sequence[Candidate]) -> str:
    """Return a title that says why there is nothing to do."""
    kept = sum(isinstance(candidate.plan, Keep) for candidate in candidates)
    unchecked = sum(isinstance(candidate.plan, Unchecked) for candidate in candidates)
    if len(candidates) == 1:
        return f"{quote(candidates[0].name)} {_one_title(candidates[0].plan)}"
    if not candidates:
        return "There are no images to update"
    if kept == len(candidates):
        return f"All {kept} images are up to date"
    if unchecked:
        return f"{unchecked} of {len(candidates)} images could not be checked" if kept else "Nothing could be checked"
    if kept:
        return f"{count_of(kept, 'image')} up to date, {len(candidates) - kept} with nothing to update from"
    return f"None of {len(candidates)} images has anything to update from"


def _one_title(plan: Plan) -> str:
    match plan:
        case Keep():
            return "is up to date"
        case Unchecked():
            return "could not be checked"
        case _:
            return "has nothing to update from"

"""What an update would do with each image, in the order and the words of a review. Pure."""

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
from commands.text import counted, in_words, plural, quoted

FEW_PULLS = 10
"""When so few pulls, or fewer, would be left to everybody afterwards, people should know."""

MOST_NAMED = 5
"""How many containers, images or names one sentence lists."""


def pulled(subject: Found, kind: Registered, remote: Remote) -> tuple[Plan, Digest | None]:
    """Compare what the registry has with what is here; gives the registry's digest too, if it is the image's own."""
    source = remote.source.repository
    here = {*digests_of(subject.image, kind.reference.repository), *digests_of(subject.image, source)}
    if not here:
        return NoSource(kind.otherwise), None
    if remote.digest in here:
        return Keep("the registry has the same"), remote.digest
    return Pull(Reference(source, digest=remote.digest), remote.digest), remote.digest


def ordered(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Put first what would change, then what is not known; by name within."""
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


def rationed(
    candidates: Sequence[Candidate], remotes: Iterable[Remote]
) -> tuple[tuple[Candidate, ...], tuple[Finding, ...]]:
    """Plan no more pulls than each registry still allows, by the smallest number that it told."""
    left: dict[str, int] = {}
    for remote in remotes:
        if remote.quota is not None:
            registry = remote.source.registry
            left[registry] = max(0, min(remote.quota.remaining, left.get(registry, remote.quota.remaining)))
    planned: defaultdict[str, list[str]] = defaultdict(list)
    for candidate in ordered(candidates):
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
    return counted(count, "more pull") if count else "no more pulls"


def _quota_finding(registry: str, left: int, planned: int) -> Finding | None:
    if left < planned:
        message = (
            f"{quoted(registry)} allows {_pulls(left)} for now: "
            f"{planned - left} of {planned} newer images cannot be pulled."
        )
        return Finding("registry-quota", Severity.WARNING, message)
    if planned and left - planned <= FEW_PULLS:
        message = f"{quoted(registry)} will allow {_pulls(left - planned)} for now after this update."
        return Finding("registry-quota", Severity.NOTE, message)
    return None


# ── What else there is to know ──────────────────────────────────────────────────────────────────────────────────────


def running_finding(candidates: Iterable[Candidate]) -> tuple[Finding, ...]:
    """Warn of containers that go on with an image which changes: the bot never touches any."""
    running = sorted({name for each in candidates if each.is_changed for name in each.users.running})
    if not running:
        return ()
    goes, it = plural(len(running), "keeps", "keep"), plural(len(running), "it", "them")
    message = f"{listed(running)} {goes} the old image until you recreate {it}."
    return (Finding("containers-go-on", Severity.WARNING, message),)


def nameless_finding(count: int) -> tuple[Finding, ...]:
    """Say that images without a name were not looked at."""
    if not count:
        return ()
    have, are = plural(count, "has", "have"), plural(count, "is", "are")
    message = f"{counted(count, 'image')} {have} no name and {are} left out."
    return (Finding("nameless", Severity.NOTE, message),)


def refusal_of_tool(name: str) -> Refusal:
    """Refuse to touch one of the bot's own tools, which somebody named by an ID or by another name."""
    return Refusal(
        f"{quoted(name)} is one of the bot's own tools",
        "The bot manages it itself.",
        "Choose another image: `/docker_images` lists the images.",
    )


def listed(names: Sequence[str], last: str = "and") -> str:
    """Write names as part of a sentence, not more than a few of them; `last` stands before the last one."""
    return in_words([quoted(name) for name in names], last=last, most=MOST_NAMED)


def update_title(candidates: Sequence[Candidate]) -> str:
    """Ask whether to go on."""
    if len(candidates) == 1:
        return f"Update {quoted(candidates[0].name)}?"
    changing = sum(candidate.is_changed for candidate in candidates)
    return f"Update {changing} of {len(candidates)} images?"


def nothing_title(candidates: Sequence[Candidate]) -> str:
    """Say in a few words why nothing is to be done."""
    kept = sum(isinstance(candidate.plan, Keep) for candidate in candidates)
    unchecked = sum(isinstance(candidate.plan, Unchecked) for candidate in candidates)
    if len(candidates) == 1:
        return f"{quoted(candidates[0].name)} {_one_title(candidates[0].plan)}"
    if not candidates:
        return "There are no images to update"
    if kept == len(candidates):
        return f"All {kept} images are up to date"
    if unchecked:
        return f"{unchecked} of {len(candidates)} images could not be checked" if kept else "Nothing could be checked"
    if kept:
        return f"{counted(kept, 'image')} up to date, {len(candidates) - kept} with nothing to update from"
    return f"None of {len(candidates)} images has anything to update from"


def _one_title(plan: Plan) -> str:
    match plan:
        case Keep():
            return "is up to date"
        case Unchecked():
            return "could not be checked"
        case _:
            return "has nothing to update from"

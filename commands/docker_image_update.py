"""`/docker_image_update`: its grammar, and its answer."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from commands.arguments import Argument, Grammar, make_or_refuse, read_field, render, request
from commands.available_updates.search import Checked, check_all, check_one
from commands.command import Finding, NothingToDo, Refusal, Unchecked, Update
from commands.errors import ArgumentError, EngineUnavailable, Problem
from commands.host.meant import meant
from commands.host.origin import holders_of
from commands.host.plans import (
    nameless_finding,
    nothing_title,
    running_finding,
    update_title,
)
from commands.host.selection import Found, parse_wanted, typed
from commands.host.subjects import subjects_of
from commands.model.images import ImageId
from commands.model.references import Malformed, Reference, refuse_name_of_tools
from commands.model.requests import UpdateImages, Wanted
from commands.sources import Sources
from commands.text import quote
from commands.typed_text import FormError, Mistake

GRAMMAR = Grammar(
    command="/docker_image_update",
    arguments=(Argument("image", aliases=("name", "repository", "repo", "tag")), Argument("all")),
)
EXAMPLE = {"image": "demisto/python3"}
ALL = {"all": "true"}

_YES = frozenset({"true", "yes", "1"})
_NO = frozenset({"false", "no", "0"})
_EVERYTHING = frozenset({"all", "*"})


def parse(text: str) -> UpdateImages:
    """Parse the arguments of the command; raise `ArgumentError`, with a corrected line if possible."""
    if _means_all(text):
        message = f"I don't know what {quote(text.strip())} belongs to"
        raise ArgumentError(message, hint="To update every image, paste this:", details=(_line(ALL),))
    return request(text, GRAMMAR, _update_images)


def _means_all(text: str) -> bool:
    return text.strip(" -–—\"'`“”").lower() in _EVERYTHING


def _update_images(arguments: Mapping[str, str]) -> UpdateImages:
    return UpdateImages(None if _selects_everything(arguments) else _parse_image(arguments["image"]))


def _selects_everything(arguments: Mapping[str, str]) -> bool:
    """Return whether all images are meant, not the one in `image`; raise `Mistake` unless exactly one is given."""
    image, everything = arguments.get("image", ""), _means_everything(arguments)
    if image and everything:
        raise Mistake(
            "`image` and `all=true` are both given",
            advice=f"Give one of them. For every image, type `{_line(ALL)}`.",
            candidates=(render({"image": image}),),
        )
    if image or everything:
        return everything
    if arguments.get("all"):
        message = f"`all={arguments['all']}` without an `image` selects nothing"
        raise Mistake(message, advice="Give an `image`.", candidates=(render(ALL),), offer="Or, for every image:")
    raise Mistake(
        "Neither `image` nor `all` is given",
        advice=f"Name an image, or write `{render(ALL)}` for every one.",
        candidates=(render(EXAMPLE),),
        offer="For example:",
    )


def _means_everything(arguments: Mapping[str, str]) -> bool:
    value = arguments.get("all", "")
    if value.lower() in _YES:
        return True
    if not value or value.lower() in _NO:
        return False
    raise Mistake(
        f"{quote(value)} is not a value for `all`",
        advice="Use `true` or `false`.",
        candidates=(render({**arguments, **ALL}),),
    )


def _parse_image(text: str) -> Wanted:
    try:
        wanted = parse_wanted(text)
        if isinstance(wanted, Reference):
            refuse_name_of_tools(wanted)
    except Malformed as error:
        candidates = [render({"image": error.correction})] if error.correction else []
        if _means_all(text):
            candidates = [render(ALL)]
        raise Mistake(error.message, advice=error.advice, candidates=candidates) from None
    if isinstance(wanted, Reference) and wanted.digest is not None:
        raise Mistake(
            f"{quote(text)} is pinned by its digest, so it has no updates",
            advice="Give the name with its tag.",
            candidates=(render({"image": str(replace(wanted, digest=None))}),),
        )
    return wanted


# ── The same from a form ────────────────────────────────────────────────────────────────────────────────────────────


def read_form(fields: Mapping[str, str]) -> UpdateImages:
    """Parse the fields of a form; raise `FormError` with all faults."""
    filled = {name: value for name in GRAMMAR.names if (value := fields.get(name, "").strip())}
    arguments, faults, image = dict[str, str](), dict[str, str](), None
    for name, value in filled.items():
        try:
            arguments[name] = read_field(name, value, GRAMMAR)
            if name == "image":
                image = _parse_image(arguments[name])
            else:
                _means_everything({name: arguments[name]})
        except Mistake as mistake:
            faults[name] = _fault_of(mistake)
    if faults:
        raise FormError(faults)
    try:
        return UpdateImages(None if _selects_everything(arguments) else image)
    except Mistake as mistake:
        # If every field is valid, they can only contradict each other.
        raise FormError({"image": _fault_of(mistake)}) from None


def _fault_of(mistake: Mistake) -> str:
    return f"{mistake.message}. {mistake.advice}"


def line_of(wanted: UpdateImages) -> str:
    """Return a request as a line to type."""
    return _line(ALL if wanted.image is None else {"image": typed(wanted.image)})


def request_for(name: str) -> UpdateImages:
    """Return the request for one image, by a name or ID of the host; raise `ArgumentError`."""
    return make_or_refuse(lambda: UpdateImages(_parse_image(name)))


# ── What it comes to ────────────────────────────────────────────────────────────────────────────────────────────────


def answer(request: UpdateImages, sources: Sources, report: Callable[[str], None]) -> Update | NothingToDo | Refusal:
    """Check for newer images and propose an update; refuse a request for one image that cannot be checked.

    Call `report` with each thing being done, in a few words. Raise `Problem` if the daemon fails.
    """
    listing = sources.engine.listing()
    if request.image is None:
        subjects = subjects_of(listing)
        checked = check_all(subjects.names, holders_of(listing), sources, report)
        return _update_or_nothing(checked, nameless_finding(subjects.nameless))
    found = meant(request.image, listing, line=lambda name: _line({"image": name}))
    if isinstance(found, Refusal):
        return _offer_all(found) if str(request.image) in _EVERYTHING else found
    return _answer_one(found, holders_of(listing), sources, report)


def _offer_all(refusal: Refusal) -> Refusal:
    return replace(refusal, hint="To update every image, paste this:", details=(_line(ALL),))


def _answer_one(
    subject: Found, holders: Mapping[str, ImageId], sources: Sources, report: Callable[[str], None]
) -> Update | NothingToDo | Refusal:
    try:
        checked = check_one(subject, holders, sources, report)
    except EngineUnavailable:
        raise
    except Problem as problem:
        title = f"{quote(subject.name)} could not be checked"
        return Refusal(title, problem.message, problem.hint, problem.details)
    match checked.candidates[0].plan:
        # The image was checked, but its registry allows no more pulls.
        case Unchecked(reason, hint):
            return Refusal(f"{quote(subject.name)} cannot be updated now", reason, hint)
        case _:
            return _update_or_nothing(checked, ())


def _update_or_nothing(checked: Checked, findings: tuple[Finding, ...]) -> Update | NothingToDo:
    images = checked.candidates
    all_findings = (*running_finding(images), *checked.findings, *findings)
    if any(image.is_changed for image in images):
        return Update(update_title(images), images, all_findings)
    return NothingToDo(nothing_title(images), images, all_findings)


def _line(arguments: Mapping[str, str]) -> str:
    return f"{GRAMMAR.command} {render(arguments)}"

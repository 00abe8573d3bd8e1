"""`/docker_image_create`: what may be asked for, and what is proposed."""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from packaging.utils import canonicalize_name

from commands.arguments import Argument, Grammar, Mistake, read, render, request
from commands.command import Answer, Refusal
from commands.errors import ArgumentError
from commands.model.images import ImageSpec
from commands.model.references import Malformed, Reference, quoted, refuse_name_of_tools
from commands.model.requests import CreateImage, parse_dependencies, parse_packages
from commands.proposing import REQUEST_FAULTS, propose
from commands.sources import Sources

GRAMMAR = Grammar(
    command="/docker_image_create",
    arguments=(
        Argument("name", aliases=("image", "repository", "repo")),
        Argument("dependencies", aliases=("deps", "pip", "python", "pypi", "requirements", "modules"), many=True),
        Argument("packages", aliases=("apt", "apt-get", "apk", "os", "system", "debs"), many=True),
        Argument("base", aliases=("from", "image", "base_image", "baseimage", "parent")),
    ),
)
EXAMPLE = {"name": "example_name", "dependencies": "mechanize", "packages": "wget"}

Value = TypeVar("Value")


def parse(text: str) -> CreateImage:
    """Read what was typed behind the command; raises `ArgumentError` with a corrected line where one can be made."""
    return request(text, GRAMMAR, _create_image)


def _create_image(arguments: Mapping[str, str]) -> CreateImage:
    if not arguments.get("name"):
        raise _name_is_missing(arguments)
    return CreateImage(
        name=_value(arguments, "name", _repository),
        base=_value(arguments, "base", _base) if arguments.get("base") else None,
        dependencies=_value(arguments, "dependencies", parse_dependencies),
        packages=_value(arguments, "packages", parse_packages),
    )


def _value(arguments: Mapping[str, str], name: str, parse_value: Callable[[str], Value]) -> Value:
    try:
        return parse_value(arguments.get(name, ""))
    except Malformed as error:
        candidates = [render({**arguments, name: error.correction})] if error.correction else []
        if name in {"name", "base"}:
            # Without a base the default is taken; without a name one is made of the first package.
            candidates.append(render(_without(arguments, name)))
        raise Mistake(error.message, advice=error.advice, candidates=candidates) from None


def _base(text: str) -> Reference:
    reference = Reference.parse(text)
    refuse_name_of_tools(reference)
    return reference


def _repository(text: str) -> str:
    try:
        reference = Reference.parse(text)
    except Malformed as error:
        correction = error.correction or _with_dashes(text)
        raise Malformed(error.message, advice=error.advice, correction=correction) from None
    if reference.tag is not None or reference.digest is not None:
        kind = "tag" if reference.digest is None else "digest"
        raise Malformed(
            f"Leave off the {kind} {quoted(text.removeprefix(reference.repository))}: the bot assigns tags",
            advice="Give the name alone.",
            correction=reference.repository,
        )
    refuse_name_of_tools(reference)
    return reference.repository


def _with_dashes(text: str) -> str:
    components = re.sub(r"[^A-Za-z0-9./]+", "-", text).split("/")
    return "/".join(bare for component in components if (bare := component.strip("-.")))


def _name_is_missing(arguments: Mapping[str, str]) -> Mistake:
    advice = "Give the new image a name."
    packages = arguments.get("dependencies") or arguments.get("packages") or ""
    first = re.search(r"[A-Za-z0-9][A-Za-z0-9._-]*", packages)
    if first is None:
        return Mistake("`name` is missing", advice=advice, candidates=(render(EXAMPLE),), offer="For example:")
    suggestion = {"name": canonicalize_name(first[0]).strip("-"), **_without(arguments, "name")}
    return Mistake("`name` is missing", advice=advice, candidates=(render(suggestion),))


def _without(arguments: Mapping[str, str], name: str) -> dict[str, str]:
    return {other: value for other, value in arguments.items() if other != name}


# ── The same from a form ────────────────────────────────────────────────────────────────────────────────────────────


def line_of(fields: Mapping[str, str]) -> str:
    """Write the fields of a form, in which there are no faults, as the line that somebody could have typed."""
    wanted = request(render(_filled(fields)), GRAMMAR, _create_image)
    arguments = {
        "name": wanted.name,
        # Without spaces: the shortest there is, since a line has a limit.
        "dependencies": ",".join(map(str, wanted.dependencies)),
        "packages": ",".join(map(str, wanted.packages)),
        "base": str(wanted.base or ""),
    }
    return f"{GRAMMAR.command} {render({name: value for name, value in arguments.items() if value})}"


def faults_in(fields: Mapping[str, str]) -> dict[str, str]:
    """Say what is wrong with which field; every field is looked at, so that one answer has all of it."""
    filled = _filled(fields)
    faults = {name: _fault(name, filled.get(name, "")) for name in GRAMMAR.names}
    return {name: fault for name, fault in faults.items() if fault} or _faults_together(filled)


def fields_of(spec: ImageSpec) -> dict[str, str]:
    """Write a specification as the fields of a form."""
    return {
        "name": spec.name,
        "dependencies": ", ".join(map(str, spec.requirements)),
        "packages": ", ".join(map(str, spec.os_packages)),
        "base": str(spec.base.reference),
    }


def _filled(fields: Mapping[str, str]) -> dict[str, str]:
    # Without the spaces behind commas, which would count for the line's limit.
    tight = {name: ",".join(part.strip() for part in fields.get(name, "").split(",")) for name in GRAMMAR.names}
    return {name: value for name, value in tight.items() if value}


def _fault(name: str, value: str) -> str:
    alone = {"name": EXAMPLE["name"], name: value}
    try:
        arguments = read(render(alone), GRAMMAR)
        _create_image(arguments)
    except Mistake as mistake:
        return _told(mistake)
    # The grammar knows no fields: it takes `wget name=x` for two arguments.
    others = [f"`{other}=`" for other in arguments if other not in alone]
    return f"{others[0]} starts another argument. Put it in its own field." if others else ""


def _faults_together(fields: Mapping[str, str]) -> dict[str, str]:
    try:
        parse(line_of(fields).removeprefix(GRAMMAR.command))
    except ArgumentError as error:
        # What is right in every field can only be too long as a line.
        longest = max(fields, key=lambda name: len(fields[name]))
        return {longest: f"{error.message}. {error.hint}"}
    return {}


def _told(mistake: Mistake) -> str:
    return f"{mistake.message}. {mistake.advice}"


# ── What it comes to ────────────────────────────────────────────────────────────────────────────────────────────────


def answer(request: CreateImage, sources: Sources, report: Callable[[str], None]) -> Answer:
    """Look the facts up and propose exactly one image, or refuse.

    `report` is told what is being done, in a few words. Raises `Problem` where daemon or index fail.
    """
    try:
        return propose(request, sources, report)
    except REQUEST_FAULTS as problem:
        return Refusal(f"`{request.name}` cannot be created", problem.message, problem.hint, problem.details)

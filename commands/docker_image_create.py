"""`/docker_image_create`: what may be asked for, and what is proposed."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from packaging.utils import canonicalize_name

from commands.arguments import Argument, Grammar, read_field, render, request
from commands.command import Creation, Refusal
from commands.host.origin import arguments_of
from commands.model.images import ImageSpec
from commands.model.references import Malformed, Reference, refuse_name_of_tools
from commands.model.requests import CreateImage, parse_dependencies, parse_packages
from commands.proposing import REQUEST_FAULTS, propose
from commands.sources import Sources
from commands.text import quoted
from commands.typed_text import FormError, Mistake, refuse_too_long

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
        base=_value(arguments, "base", _base),
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


def _base(text: str) -> Reference | None:
    if not text:
        return None
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


def _form_name(text: str) -> str:
    if not text:
        raise _name_is_missing({})
    return _repository(text)


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "name": _form_name,
    "dependencies": parse_dependencies,
    "packages": parse_packages,
    "base": _base,
}


def read_form(fields: Mapping[str, str]) -> CreateImage:
    """Read the fields of a form; raises `FormError` with every fault that there is."""
    values, faults = dict[str, Any](), dict[str, str]()
    for name, parse_value in _PARSERS.items():
        # Without the spaces behind commas, which would count for the line's limit.
        tight = ",".join(part.strip() for part in fields.get(name, "").split(","))
        try:
            values[name] = parse_value(read_field(name, tight, GRAMMAR))
        except (Mistake, Malformed) as error:
            faults[name] = f"{error.message}. {error.advice}"
    if faults:
        raise FormError(faults)
    wanted = CreateImage(**values)
    try:
        refuse_too_long(arguments_of(wanted))
    except Mistake as mistake:
        # What is right in every field can only be too long as a whole.
        longest = max(fields, key=lambda name: len(fields[name]))
        raise FormError({longest: f"{mistake.message}. {mistake.advice}"}) from None
    return wanted


def fields_of(spec: ImageSpec) -> dict[str, str]:
    """Write a specification as the fields of a form."""
    return {
        "name": spec.name,
        "dependencies": ", ".join(map(str, spec.requirements)),
        "packages": ", ".join(map(str, spec.os_packages)),
        "base": str(spec.base.reference),
    }


def line_of(wanted: CreateImage) -> str:
    """Write a request as the line that somebody could have typed."""
    return f"{GRAMMAR.command} {arguments_of(wanted)}"


# ── What it comes to ────────────────────────────────────────────────────────────────────────────────────────────────


def answer(request: CreateImage, sources: Sources, report: Callable[[str], None]) -> Creation | Refusal:
    """Look the facts up and propose exactly one image, or refuse.

    `report` is told what is being done, in a few words. Raises `Problem` where daemon or index fail.
    """
    try:
        return propose(request, sources, report)
    except REQUEST_FAULTS as problem:
        return Refusal(f"`{request.name}` cannot be created", problem.message, problem.hint, problem.details)

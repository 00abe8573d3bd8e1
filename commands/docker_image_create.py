"""`/docker_image_create`: its grammar, and its answer."""

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
from commands.text import quote
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
    """Parse the arguments of the command; raise `ArgumentError`, with a corrected line if possible."""
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
            # The default base is used without a base; the name is made from the first package without a name.
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
            f"Leave off the {kind} {quote(text.removeprefix(reference.repository))}: the bot assigns tags",
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
    """Parse the fields of a form; raise `FormError` with all faults."""
    values, faults = dict[str, Any](), dict[str, str]()
    for name, parse_value in _PARSERS.items():
        # Without the spaces after commas, which would count towards the line's limit.
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
        # If every field is valid, only the total length can be wrong.
        longest = max(fields, key=lambda name: len(fields[name]))
        raise FormError({longest: f"{mistake.message}. {mistake.advice}"}) from None
    return wanted


def fields_of(spec: ImageSpec) -> dict[str, str]:
    """Return a specification as the fields of a form."""
    return {
        "name": spec.name,
        "dependencies": ", ".join(map(str, spec.requirements)),
        "packages": ", ".join(map(str, spec.os_packages)),
        "base": str(spec.base.reference),
    }


def line_of(wanted: CreateImage) -> str:
    """Return a request as a line to type."""
    return f"{GRAMMAR.command} {arguments_of(wanted)}"


# ── What it comes to ────────────────────────────────────────────────────────────────────────────────────────────────


def answer(request: CreateImage, sources: Sources, report: Callable[[str], None]) -> Creation | Refusal:
    """Look up the facts, then propose exactly one image, or refuse.

    Call `report` with each thing being done, in a few words. Raise `Problem` if the daemon or the index fails.
    """
    try:
        return propose(request, sources, report)
    except REQUEST_FAULTS as problem:
        return Refusal(f"`{request.name}` cannot be created", problem.message, problem.hint, problem.details)

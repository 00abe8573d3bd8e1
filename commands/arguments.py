"""The only parser of the text after a slash command: text in, arguments by name out.

Not shlex: chat clients turn quotes curly, link names with a dot and escape signs, and people leave quotes open.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import zip_longest
from typing import TypeVar

from commands.errors import ArgumentError
from commands.text import code_spans, quote
from commands.typed_text import QUOTES, Mistake, plain_text

MOST_ATTEMPTS = 25
"""Maximum number of corrections to try."""

Request = TypeVar("Request")

_PIECE = re.compile(rf"(\s+)|[{QUOTES}]([^{QUOTES}]*)(?:[{QUOTES}]|$)|(\{{[^{{}}]*\}}?|[^\s{QUOTES}{{]+)")
_ANY_NAME = re.compile(r"-{0,2}([A-Za-z][A-Za-z0-9_-]*)\s*=(?!=)")
_BRACES = re.compile(r"\{[^{}]*\}?|\}")
_BRACED = re.compile(r"[^,{}]*(?:\{[^{}]*\}?|\})[^,{}]*,?")
_SHELL = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a command; `aliases` are names that people use by mistake, `many` says that it takes a list."""

    name: str
    aliases: tuple[str, ...] = ()
    many: bool = False


@dataclass(frozen=True, slots=True)
class Grammar:
    """The arguments of a command; a word without `=` is probably the first one."""

    command: str
    arguments: tuple[Argument, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all arguments."""
        return tuple(argument.name for argument in self.arguments)

    def takes_many(self, name: str | None) -> bool:
        """Return whether the argument's value is a list."""
        return any(argument.name == name and argument.many for argument in self.arguments)

    def nearest(self, name: str) -> tuple[str, ...]:
        """Return the arguments that an unknown name may mean, most likely first."""
        by_alias = tuple(argument.name for argument in self.arguments if name in argument.aliases)
        return by_alias or tuple(get_close_matches(name, self.names, n=1))


@dataclass(frozen=True, slots=True)
class _Item:
    """A part of the text; `name` is None if it is not `argument=value`."""

    name: str | None
    value: str


def parse(text: str, grammar: Grammar) -> dict[str, str]:
    """Read the arguments in the order typed; raises `ArgumentError`.

    Lists stay one text in which commas and single spaces separate; an argument without value is an empty text.
    """
    return request(text, grammar, dict)


def request(text: str, grammar: Grammar, make: Callable[[Mapping[str, str]], Request]) -> Request:
    """Read the arguments and make a request of them; raises `ArgumentError` for a `Mistake`, also one of `make`.

    The error's `details` hold a corrected line where one can be made; each was read without a mistake.
    """
    try:
        return make(read(text, grammar))
    except Mistake as mistake:
        correction = _correction(mistake, grammar, make)
        if correction is None:
            raise ArgumentError(mistake.message, hint=mistake.advice) from None
        offer, line = correction
        raise ArgumentError(mistake.message, hint=f"{mistake.advice} {offer}", details=(line,)) from None


def render(arguments: Mapping[str, str]) -> str:
    """Render arguments as text that parses to the same arguments."""
    return " ".join(_render_item(_Item(name, value)) for name, value in arguments.items())


def _render_item(item: _Item) -> str:
    value = f'"{item.value}"' if " " in item.value or not item.value else item.value
    return value if item.name is None else f"{item.name}={value}"


def _correction(
    mistake: Mistake, grammar: Grammar, make: Callable[[Mapping[str, str]], Request]
) -> tuple[str, str] | None:
    """Return a corrected line and its introduction, or None."""
    # One line may hold several mistakes: each candidate that still has one is replaced by its own candidates.
    waiting, tried = _offers(mistake), set[str]()
    while waiting and len(tried) < MOST_ATTEMPTS:
        offer, candidate = waiting.pop()
        if candidate in tried:
            continue
        tried.add(candidate)
        try:
            arguments = read(candidate, grammar)
            make(arguments)
        except Mistake as another:
            waiting += _offers(another)
        else:
            return offer, f"{grammar.command} {render(arguments)}".rstrip()
    return None


def _offers(mistake: Mistake) -> list[tuple[str, str]]:
    return [(mistake.offer, candidate) for candidate in reversed(mistake.candidates)]


def read(text: str, grammar: Grammar) -> dict[str, str]:
    """Read the arguments in the order typed; raises `Mistake`, for callers that report it in another way."""
    items = _items(plain_text(text), grammar)
    if items and not grammar.arguments:
        raise Mistake(
            f"{quote(_render_item(items[0]))} is not needed: `{grammar.command}` takes no arguments",
            advice="Leave it out.",
            candidates=("",),
        )
    for place in range(len(items)):
        _check(items, place, grammar)
    return {item.name: item.value for item in items if item.name is not None}


def make_or_refuse(make: Callable[[], Request]) -> Request:
    """Make a request of what a button names; raises `ArgumentError` for a `Mistake`."""
    try:
        return make()
    except Mistake as mistake:
        raise ArgumentError(mistake.message, hint=mistake.advice) from None


def read_field(name: str, value: str, grammar: Grammar) -> str:
    """Read one argument that was typed into a field of its own; raises `Mistake`."""
    arguments = read(render({name: value}), grammar)
    # The grammar knows no fields: it takes `wget name=x` for two arguments.
    for other in arguments:
        if other != name:
            raise Mistake(f"`{other}=` starts another argument", advice="Put it in its own field.")
    return arguments[name]


# From plain text to items.


def _items(text: str, grammar: Grammar) -> list[_Item]:
    starts = list(_start(grammar).finditer(text)) if grammar.arguments else []
    items = _items_without_known_name(text[: starts[0].start()] if starts else text)
    for start, following in zip_longest(starts, starts[1:]):
        value, rest = _value(text[start.end() : following.start() if following else len(text)])
        items += [_Item(start[1].lower(), value), *_items_without_known_name(rest)]
    return items


def _start(grammar: Grammar) -> re.Pattern[str]:
    # Known names cut the text, even inside quotes: no value holds one, and a quote may have been left open.
    names = "|".join(map(re.escape, grammar.names))
    return re.compile(rf"(?<![^\s,{QUOTES}])[{QUOTES}]*-{{0,2}}({names})\s*=", re.IGNORECASE)


def _items_without_known_name(text: str) -> list[_Item]:
    items = []
    while text := text.strip(" ,"):
        found = _ANY_NAME.match(text)
        value, text = _value(text[found.end() :] if found else text)
        if found or value:
            items.append(_Item(found[1].lower() if found else None, value))
    return items


def _value(text: str) -> tuple[str, str]:
    """Split off the first value: a quoted text or a word, and the words that a comma or operator joins to it."""
    value, apart, begun = "", False, False
    for piece in _PIECE.finditer(text):
        if piece[1]:
            apart = begun
            continue
        content = piece[2] if piece[2] is not None else piece[3]
        if apart and not _joins(value, content):
            return _tidy(value), text[piece.start() :]
        value += f" {content}" if apart else content
        apart, begun = False, True
    return _tidy(value), ""


def _joins(left: str, right: str) -> bool:
    return left.endswith(tuple(",;<>=!~@[(")) or right.startswith(tuple(",;<>=!~@[]()"))


def _tidy(value: str) -> str:
    return " ".join(value.split()).strip(" ,")


# What may be wrong with an item, and what may have been meant.


def _check(items: list[_Item], place: int, grammar: Grammar) -> None:
    item = items[place]
    if item.name is None:
        raise _stray(items, place, grammar)
    if item.name not in grammar.names:
        raise _unknown_argument(items, place, grammar)
    if any(other.name == item.name for other in items[:place]):
        raise _duplicate_argument(items, place, grammar)
    if inner := re.match(rf"({'|'.join(map(re.escape, grammar.names))})\s*=(?!=)\s*", item.value, re.IGNORECASE):
        meant = replace(item, value=item.value[inner.end() :])
        raise Mistake(
            f"{quote(item.value)} in `{item.name}` contains another argument",
            advice="Give each argument once, after a space.",
            candidates=(_replace_item(items, place, *([meant] if meant.value else [])),),
        )
    if braces := _BRACES.search(item.value):
        rest = _tidy(_BRACED.sub("", item.value))
        raise Mistake(
            f"{quote(braces[0])} in `{item.name}` is a placeholder",
            advice=f"Replace it with your value for `{item.name}`.",
            candidates=(_replace_item(items, place, *([replace(item, value=rest)] if rest else [])),),
        )


def _replace_item(items: list[_Item], place: int, *instead: _Item) -> str:
    """Render the items with one of them replaced or removed."""
    return " ".join(map(_render_item, (*items[:place], *instead, *items[place + 1 :])))


def _append_to_list(items: list[_Item], place: int, grammar: Grammar) -> tuple[str, ...]:
    """Render the items with one appended to the list before it, if that is a list."""
    if place == 0 or not grammar.takes_many(items[place - 1].name):
        return ()
    before = items[place - 1]
    longer = replace(before, value=f"{before.value},{_render_item(items[place])}")
    return (_replace_item([*items[: place - 1], *items[place:]], place - 1, longer),)


def _stray(items: list[_Item], place: int, grammar: Grammar) -> Mistake:
    word = items[place].value
    first = grammar.names[0]
    commas = " Separate list entries by commas." if any(map(grammar.takes_many, grammar.names)) else ""
    if _SHELL.fullmatch(word):
        # What follows such as `&&` was meant for a shell.
        candidates: tuple[str, ...] = (_replace_item(items[: place + 1], place),)
        form = "argument=value"
    else:
        form = "argument=value" if any(item.name == first for item in items) else _render_item(_Item(first, word))
        named = () if any(item.name == first for item in items) else (_replace_item(items, place, _Item(first, word)),)
        candidates = (*_append_to_list(items, place, grammar), *named, _replace_item(items, place))
    return Mistake(
        f"I don't know what {quote(word)} belongs to",
        advice=f"Write {quote(form)}. Known arguments: {code_spans(grammar.names)}.{commas}",
        candidates=candidates,
    )


def _unknown_argument(items: list[_Item], place: int, grammar: Grammar) -> Mistake:
    item = items[place]
    given = {other.name for other in items}
    nearest = sorted(grammar.nearest(item.name or ""), key=lambda name: name in given and not grammar.takes_many(name))
    renamed = tuple(_replace_item(items, place, replace(item, name=name)) for name in nearest)
    version = _append_to_list(items, place, grammar) if item.value[:1].isdigit() else ()
    meant = f"Did you mean `{nearest[0]}`? " if nearest else ""
    return Mistake(
        f"{quote(item.name or '')} is not an argument of `{grammar.command}`",
        advice=f"{meant}Known arguments: {code_spans(grammar.names)}.",
        candidates=(*renamed, *version, _replace_item(items, place)),
    )


def _duplicate_argument(items: list[_Item], place: int, grammar: Grammar) -> Mistake:
    item = items[place]
    earlier = next(index for index, other in enumerate(items) if other.name == item.name)
    candidates: tuple[str, ...] = ()
    if items[earlier].value == item.value:
        candidates = (_replace_item(items, place),)
    elif grammar.takes_many(item.name):
        both = replace(item, value=f"{items[earlier].value},{item.value}".strip(","))
        candidates = (_replace_item(items[:place] + items[place + 1 :], earlier, both),)
    return Mistake(
        f"`{item.name}` is given twice: {quote(items[earlier].value)} and {quote(item.value)}",
        advice="Give it once.",
        candidates=candidates,
    )

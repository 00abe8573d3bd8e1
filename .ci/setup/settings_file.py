"""`warroom.toml` in the checkout: what the person chose, and what set-up found, where the bot reads it."""

import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from steps import SetupError, step

PATH = Path("warroom.toml")
_FIRST_LINE = "# Written by `make setup`, anew each time. To keep a file of your own, take this line away."


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting that the person chose, and what names it."""

    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Choices:
    """What the person chose by the environment or by a file of their own; None where set-up is to choose."""

    docker_host: Choice | None
    default_base: Choice | None
    owns_file: bool


def read_choices() -> Choices:
    """Read what the person chose; the environment goes before the file, as in the bot.

    Raises:
        SetupError: the person's file is not TOML.
    """
    own = _own_file()
    return Choices(
        docker_host=_choice(own, "docker_host"),
        default_base=_choice(own, "default_base"),
        owns_file=own is not None,
    )


def found_before(name: str) -> str | None:
    """Return what an earlier set-up found, from a file of set-up's own."""
    if not _is_ours():
        return None
    value = _parse().get(name)
    return value if isinstance(value, str) else None


def write(choices: Choices, found: dict[str, str]) -> None:
    """Write what set-up found, unless the file is the person's own: then tell what it lacks.

    Raises:
        SetupError: the person's own file lacks a setting.
    """
    lines = [f"{name} = {json.dumps(value)}" for name, value in found.items()]
    if choices.owns_file:
        _check_nothing_is_missing(lines)
        return
    text = "\n".join([_FIRST_LINE, *lines]) + "\n"
    with step(f"settings in {PATH}") as current:
        if PATH.exists() and PATH.read_text(encoding="utf-8") == text:
            current.outcome = "ready"
        else:
            PATH.write_text(text, encoding="utf-8")


def _check_nothing_is_missing(lines: list[str]) -> None:
    if lines:
        raise SetupError(
            f"{PATH} is your own, so set-up leaves it alone. Add what it found, then run this again:\n"
            + "\n".join(f"    {line}" for line in lines)
        )


def _choice(own: dict[str, object] | None, name: str) -> Choice | None:
    variable = f"WARROOM_{name.upper()}"
    if value := os.environ.get(variable):
        return Choice(value, origin=variable)
    chosen = (own or {}).get(name)
    return Choice(chosen, origin=f"{name} in {PATH}") if isinstance(chosen, str) else None


def _own_file() -> dict[str, object] | None:
    return None if not PATH.exists() or _is_ours() else _parse()


def _is_ours() -> bool:
    return PATH.exists() and PATH.read_text(encoding="utf-8").startswith(_FIRST_LINE)


def _parse() -> dict[str, object]:
    try:
        return tomllib.loads(PATH.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SetupError(f"{PATH} cannot be read: {error}.\nFix or remove it, and run this again.") from None

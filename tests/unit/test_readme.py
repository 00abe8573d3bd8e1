"""The README tells the truth about the commands and the settings."""

import re
from pathlib import Path

from bot.router import COMMANDS
from bot.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_table_of_settings_is_that_of_the_code() -> None:
    table = re.search(r"<!-- settings -->\n(.*)<!-- /settings -->", README, re.DOTALL)

    assert table is not None
    assert table[1] == settings_table()


def test_every_command_is_told_of() -> None:
    assert [command.name for command in COMMANDS if command.name not in README] == []


def settings_table() -> str:
    rows = [f"| `{name}` | {_default(name)} | {field.description} |" for name, field in Settings.model_fields.items()]
    return "\n".join(["| setting | default | |", "|---|---|---|", *rows]) + "\n"


def _default(name: str) -> str:
    default = Settings.model_fields[name].get_default(call_default_factory=True)
    if default is None or default == ():
        return ""
    return f"`{str(default).replace(str(Path.home()), '~')}`"

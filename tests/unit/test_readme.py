"""The README and OPERATING.md agree with the commands and the settings."""

import re
from pathlib import Path

from bot.router import COMMANDS
from bot.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATING = (ROOT / ".github" / "OPERATING.md").read_text(encoding="utf-8")
MOST_LINES = 120


def test_the_table_of_settings_is_that_of_the_code() -> None:
    table = re.search(r"<!-- settings -->\n(.*)<!-- /settings -->", OPERATING, re.DOTALL)

    assert table is not None
    assert table[1] == settings_table()


def test_every_command_is_in_the_readme() -> None:
    assert [command.name for command in COMMANDS if command.name not in README] == []


def test_every_command_has_a_section_for_operators() -> None:
    assert [command.name for command in COMMANDS if f"### `{command.name}`\n" not in OPERATING] == []


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= MOST_LINES


def test_every_link_to_a_file_of_the_repository_leads_to_one() -> None:
    pages = [ROOT / "README.md", *(ROOT / ".github").glob("*.md")]
    links = [(page, link) for page in pages for link in links_of(page)]

    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def links_of(page: Path) -> list[str]:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return [target for target in targets if "://" not in target]


def settings_table() -> str:
    rows = [f"| `{name}` | {_default(name)} | {field.description} |" for name, field in Settings.model_fields.items()]
    return "\n".join(["| setting | default | |", "|---|---|---|", *rows]) + "\n"


def _default(name: str) -> str:
    default = Settings.model_fields[name].get_default(call_default_factory=True)
    if default is None or default == ():
        return ""
    return f"`{str(default).replace(str(Path.home()), '~')}`"

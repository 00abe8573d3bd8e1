"""The names of the bot's own tools: nobody makes, updates, rolls back, removes or builds on one from the chat."""

from collections.abc import Callable

import pytest

from bot.settings import Settings
from bot.wiring import default_base
from commands import docker_image_create, docker_image_update
from commands.command import Refusal, Removal, RollBack
from commands.errors import ArgumentError, Misconfigured, NameReserved
from commands.image_actions import remove, roll_back
from commands.model.packages import PythonRequirement
from commands.model.references import Reference
from commands.model.requests import CreateImage, UndoUpdate
from commands.proposing import propose
from commands.recipe.labels import JOB, REF_NAME, REQUEST, Request
from commands.typed_text import FormError
from tests.fakes.host import Host
from tests.kit.dependencies import sources_on
from tests.kit.update_requests import UpdateRequests

DIGEST = f"sha256:{'d' * 64}"
REPOSITORIES = [
    "warroom/uv",
    "warroom/anything/else",
    "docker.io/warroom/uv",
    "index.docker.io/warroom/uv",
    "warroom.invalid/uv",
    "warroom.invalid:443/uv",
    "WARROOM.invalid/uv",
]
NAMES = [f"{repository}{rest}" for repository in REPOSITORIES for rest in ("", ":1", f"@{DIGEST}", f":1@{DIGEST}")]
KEPT = "before-0123456789abcdef012"

LINES: dict[str, Callable[[str], object]] = {
    "create, base": lambda name: docker_image_create.parse(f"name=a base={name}"),
    "update": lambda name: docker_image_update.parse(f"image={name}"),
    "update, by a button": docker_image_update.request_for,
    "roll back": roll_back.request_for,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("line", LINES)
def test_a_name_of_a_tool_is_refused(line: str, name: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        LINES[line](name)

    assert "kept for the bot's own tools" in refused.value.message


@pytest.mark.parametrize("name", REPOSITORIES)
def test_no_new_image_gets_a_name_of_a_tool(name: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        docker_image_create.parse(f"name={name} dependencies=mechanize")

    assert "kept for the bot's own tools" in refused.value.message


@pytest.mark.parametrize("name", REPOSITORIES)
def test_a_form_says_so_at_its_field(name: str) -> None:
    with pytest.raises(FormError) as create:
        docker_image_create.read_form({"name": name, "base": name})
    with pytest.raises(FormError) as update:
        docker_image_update.read_form({"image": name})

    assert [field for field, told in create.value.faults.items() if "own tools" in told] == ["name", "base"]
    assert "own tools" in update.value.faults["image"]


@pytest.mark.parametrize("name", ["warroom", "a/warroom/uv", "warroom.example/uv", "ghcr.io/warroom/uv", "warroomx/uv"])
def test_other_names_are_free(name: str) -> None:
    assert docker_image_create.parse(f"name={name} base={name}:1").name == name


# ── What nobody typed ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "base"), [("warroom/x", None), ("x", "warroom.invalid/uv:1")])
def test_what_comes_from_a_label_is_refused(name: str, base: str | None) -> None:
    request = CreateImage(name, Reference.parse(base) if base else None, (PythonRequirement("mechanize", (), ""),), ())

    with pytest.raises(NameReserved):
        propose(request, sources_on(Host().engine), lambda _: None)


def test_an_image_that_was_made_on_a_tool_is_not_made_again() -> None:
    requests = UpdateRequests()
    requests.engine.add_image("warroom/python3-deb:bookworm")
    request = Request(name="tool", base="warroom/python3-deb:bookworm").model_dump_json()
    requests.engine.add_image("tool:1.0.0.1", labels={JOB: "d", REF_NAME: "tool:1.0.0.1", REQUEST: request})

    said = requests.answer("image=tool:1.0.0.1")

    assert isinstance(said, Refusal)
    assert "own tools" in said.message


@pytest.mark.parametrize("name", ["warroom/uv:1", "warroom.invalid/uv:1"])
def test_a_tool_is_not_updated_or_removed_by_its_id_either(name: str) -> None:
    requests = UpdateRequests()
    image = requests.engine.add_image("innocent:1", name)
    wanted = image.id.removeprefix("sha256:")

    update = requests.answer(f"image={wanted}")
    removal = remove.answer(remove.request_for(image.id), requests.sources, lambda _: None)

    for said in (update, removal):
        assert isinstance(said, Refusal)
        assert "own tools" in said.title
    assert not isinstance(removal, Removal)


def test_an_undone_update_moves_no_name_of_a_tool() -> None:
    requests = UpdateRequests()
    requests.engine.add_image("warroom.invalid/uv:latest")
    requests.engine.add_image(f"warroom.invalid/uv:{KEPT}")

    said = roll_back.answer(UndoUpdate("0123456789abcdef012"), requests.sources, lambda _: None)

    assert not isinstance(said, RollBack)


def test_menus_and_suggestions_offer_no_tool() -> None:
    requests = UpdateRequests()
    requests.engine.add_image("warroom.invalid/uv:1", "warroom/uv:2")

    assert requests.sources.base_candidates() == ("demisto/python3-deb",)
    assert requests.sources.update_candidates() == ()
    assert "warroom" not in str(requests.answer("image=uv"))
    assert "warroom" not in str(requests.answer("all=true"))


def test_a_default_base_among_the_tools_is_a_wrong_setting() -> None:
    with pytest.raises(Misconfigured) as wrong:
        default_base(Settings.model_validate({"default_base": "warroom/python3-deb:bookworm"}))

    assert "kept for the bot's own tools" in wrong.value.message

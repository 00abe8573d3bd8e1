import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.dialogs.stages import DialogId
from bot.room.blocks import modal_errors
from bot.slack.views.create.form import create_form
from bot.slack.views.form import FormContext
from bot.slack.views.images.filter_form import filter_form
from bot.slack.views.update.form import update_form
from commands.model.requests import Query
from tests.unit.test_views_limits import ABSURD, any_text, many

CONTEXT = FormContext("C0WARROOM")
BASES = ("demisto/python3-deb", "localbase:1")
LONG = f"registry.example:5000/{'team/' * 8}base@sha256:{'0123456789abcdef' * 4}"


def words(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def text_field(
    name: str, label: str, example: str, hint: str, value: str | None = None, *, optional: bool = True
) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": "value", "max_length": 3000, "placeholder": words(example)}
    if value is not None:
        element["initial_value"] = value
    return {
        "type": "input",
        "block_id": name,
        "optional": optional,
        "label": words(label),
        "hint": words(hint),
        "element": element,
    }


def expected(title: str, context: FormContext, values: Mapping[str, str], *base: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": "create_form",
        "private_metadata": context.to_metadata(),
        "title": words(title),
        "submit": words("Review"),
        "close": words("Close"),
        "blocks": [
            text_field(
                "name",
                "Name",
                "my/tool",
                "Lower case. The bot assigns the tag.",
                values.get("name"),
                optional=False,
            ),
            text_field(
                "dependencies",
                "Python packages",
                "requests>=2.31, ldap3",
                "Like requirements.txt, comma-separated. Exact versions are resolved for you.",
                values.get("dependencies"),
            ),
            text_field(
                "packages",
                "OS packages",
                "wget, libxml2",
                "From the base's distribution, comma-separated.",
                values.get("packages"),
            ),
            *base,
        ],
    }


def menu(*bases: str, chosen: str | None = None) -> dict[str, Any]:
    options = [{"text": words(base), "value": base} for base in bases]
    element: dict[str, Any] = {"type": "static_select", "action_id": "value", "options": options}
    if chosen is not None:
        element["initial_option"] = {"text": words(chosen), "value": chosen}
    return {
        "type": "input",
        "block_id": "local_base",
        "optional": True,
        "label": words("Base"),
        "hint": words("Images on the Docker host. Default: demisto/python3-deb."),
        "element": element,
    }


OTHER = text_field(
    "base",
    "Another base",
    "demisto/python3-deb:3.12.13.11694875",
    "Overrides the choice above. Pulled if not on the Docker host.",
)


def blocks(view: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the blocks of a form, which are a list."""
    found = view["blocks"]
    assert isinstance(found, list)
    return found


def block(view: dict[str, Any], name: str) -> dict[str, Any]:
    """Find the element of a field."""
    (element,) = [each["element"] for each in view["blocks"] if each["block_id"] == name]
    assert isinstance(element, dict)
    return element


def test_an_empty_form_asks_for_the_four_arguments() -> None:
    assert create_form(CONTEXT, {}, BASES) == expected("New image", CONTEXT, {}, menu(*BASES), OTHER)


def test_a_filled_form_holds_what_was_asked_for() -> None:
    context = FormContext("C0WARROOM", edits=DialogId("d-1"))
    values = {"name": "my/tool", "dependencies": "requests>=2, ldap3", "packages": "wget", "base": "localbase:1"}

    assert create_form(context, values, BASES) == expected(
        "Edit the image", context, values, menu(*BASES, chosen="localbase:1"), OTHER
    )


def test_a_base_that_is_not_listed_is_put_into_the_menu_where_another_choice_replaces_it() -> None:
    form = create_form(CONTEXT, {"base": "other:2"}, BASES)

    assert block(form, "local_base") == menu(BASES[0], "other:2", BASES[1], chosen="other:2")["element"]
    assert "initial_value" not in block(form, "base")


def test_a_base_is_never_cut_only_its_label_is() -> None:
    options = block(create_form(CONTEXT, {}, (*BASES, LONG)), "local_base")["options"]

    assert options[2]["value"] == LONG
    assert len(options[2]["text"]["text"]) <= 75
    assert options[2]["text"]["text"].endswith("…")


def test_a_base_that_no_menu_takes_stands_in_the_text_field() -> None:
    endless = f"{LONG[:-71]}{'/deep' * 30}"

    form = create_form(CONTEXT, {"base": endless}, (*BASES, endless))

    assert block(form, "base")["initial_value"] == endless
    assert [option["value"] for option in block(form, "local_base")["options"]] == list(BASES)


def test_without_candidates_there_is_one_field_for_the_base() -> None:
    form = create_form(CONTEXT, {"base": "other:2"}, ())

    assert [each["block_id"] for each in blocks(form)] == ["name", "dependencies", "packages", "base"]
    assert block(form, "base")["initial_value"] == "other:2"


def test_a_host_with_many_images_fills_the_menu_and_no_more() -> None:
    options = block(create_form(CONTEXT, {}, [f"image:{number}" for number in range(300)]), "local_base")["options"]

    assert [option["value"] for option in options] == [f"image:{number}" for number in range(100)]


values_of_forms = st.dictionaries(st.sampled_from(["name", "dependencies", "packages", "base", "odd"]), any_text)


@given(values_of_forms, many(any_text, 300), st.none() | st.just(DialogId("d-1")))
@example(dict.fromkeys(["name", "dependencies", "packages", "base"], "a" * 10_000), ABSURD, DialogId("d-1"))
def test_slack_takes_the_form_whatever_is_put_in(
    values: dict[str, str], bases: tuple[str, ...], edits: DialogId | None
) -> None:
    form = create_form(FormContext("C0WARROOM", edits=edits), values, bases)

    assert modal_errors(json.loads(json.dumps(form))) == ()
    for each in blocks(form):
        if each["element"]["type"] == "static_select":
            offered = [option["value"] for option in each["element"]["options"]]
            assert len(set(offered)) == len(offered)


# ── The form of an update ───────────────────────────────────────────────────────────────────────────────────────────

IMAGES = ("newest:2", "demisto/python3:latest")


def box(name: str, label: str, hint: str, text: str, *, ticked: bool = False) -> dict[str, Any]:
    options = [{"text": words(text), "value": "true"}]
    element = {"type": "checkboxes", "action_id": "value", "options": options}
    return {
        "type": "input",
        "block_id": name,
        "optional": True,
        "label": words(label),
        "hint": words(hint),
        "element": {**element, "initial_options": options} if ticked else element,
    }


def test_the_form_of_an_update_offers_one_image_or_all() -> None:
    options = [{"text": words(name), "value": name} for name in IMAGES]
    picking = {
        "type": "input",
        "block_id": "local_image",
        "optional": True,
        "label": words("Image"),
        "hint": words("On the Docker host, newest first."),
        "element": {"type": "static_select", "action_id": "value", "options": options},
    }
    hint = "A name or the start of an image ID. Overrides the choice above."
    everything = "Every image is checked; only changes are pulled. Leave the fields above empty."

    assert update_form(CONTEXT, {}, IMAGES) == {
        "type": "modal",
        "callback_id": "update_form",
        "private_metadata": CONTEXT.to_metadata(),
        "title": words("Update images"),
        "submit": words("Review"),
        "close": words("Close"),
        "blocks": [
            picking,
            text_field("image", "Another image", "demisto/python3:3.12.13.10404775", hint),
            box("all", "All images", everything, "Update all images"),
        ],
    }


def test_without_images_there_is_one_field_for_the_image() -> None:
    form = update_form(CONTEXT, {"image": "a:1"}, ())

    assert [each["block_id"] for each in blocks(form)] == ["image", "all"]
    assert block(form, "image")["initial_value"] == "a:1"


def test_what_no_menu_takes_is_not_offered_and_never_cut() -> None:
    names = [f"image:{number}" for number in range(300)]

    options = block(
        update_form(CONTEXT, {}, ["x" * 151, "a\u202eb", "", "newest:2", "newest:2", *names]), "local_image"
    )

    assert [option["value"] for option in options["options"]] == ["newest:2", *names[:99]]


@given(
    st.dictionaries(st.sampled_from(["image", "all", "odd"]), any_text | st.just("true")),
    many(any_text, 300),
)
def test_slack_takes_the_form_of_an_update_whatever_is_put_in(values: dict[str, str], names: tuple[str, ...]) -> None:
    assert modal_errors(json.loads(json.dumps(update_form(CONTEXT, values, names)))) == ()


# ── The form of a list ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_form_of_a_list_holds_what_it_shows() -> None:
    form = filter_form(CONTEXT, Query(page=3, text="python", made_here=True))

    text = text_field("text", "Name or ID contains", "python3", "Leave empty for all images.", "python")
    text["element"]["max_length"] = 100
    assert form == {
        "type": "modal",
        "callback_id": "filter_form",
        "private_metadata": CONTEXT.to_metadata(),
        "title": words("Filter the images"),
        "submit": words("Show"),
        "close": words("Close"),
        "blocks": [
            text,
            box("made_here", "Origin", "Hides pulled images.", "Made here only", ticked=True),
        ],
    }


@given(any_text, st.booleans())
def test_slack_takes_the_form_of_a_list_whatever_it_shows(text: str, made_here: bool) -> None:
    assert modal_errors(json.loads(json.dumps(filter_form(CONTEXT, Query(text=text, made_here=made_here))))) == ()


# ── What comes back with it ─────────────────────────────────────────────────────────────────────────────────────────


@given(
    st.from_regex(r"[A-Z0-9]{2,32}", fullmatch=True),
    st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=255).map(DialogId),
    st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=2_000),
)
def test_the_context_comes_back_as_it_was_and_slack_keeps_it(
    channel: str, edits: DialogId | None, response_url: str
) -> None:
    context = FormContext(channel, edits, response_url)

    assert FormContext.read(context.to_metadata()) == context


@pytest.mark.parametrize("edits", [None, DialogId("0123456789abcdef")])
def test_slack_takes_the_longest_context_that_there_is(edits: DialogId | None) -> None:
    assert len(FormContext("C" * 32, edits, "h" * 2_000).to_metadata()) <= 3_000


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        " ",
        "null",
        "7",
        "[]",
        "{}",
        "{",
        '{"channel": null}',
        '{"channel": 7}',
        '{"channel": ["C0WARROOM"]}',
        '{"channel": "#general"}',
        '{"channel": "C0WARROOM\\n"}',
        '{"channel": "C0WARROOM", "edits": 7}',
        '{"channel": "C0WARROOM", "edits": ""}',
        '{"channel": "C0WARROOM", "edits": {"$ne": null}}',
        json.dumps({"channel": "C0WARROOM", "edits": "d" * 256}),
        json.dumps({"channel": "C0WARROOM", "response_url": "h" * 2_001}),
        "[" * 3_000,
        "\x00",
        "\ud800",
    ],
)
def test_a_context_that_is_not_ours_is_none(hostile: str) -> None:
    assert FormContext.read(hostile) is None


@given(any_text)
def test_any_text_is_a_context_or_none(text: str) -> None:
    assert FormContext.read(text) is None

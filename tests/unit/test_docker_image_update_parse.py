import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.docker_image_update import line_of, parse, read_form, request_for
from commands.errors import ArgumentError
from commands.model.references import Reference
from commands.model.requests import ShortId, UpdateImages, Wanted
from commands.typed_text import FormError

COMMAND = "/docker_image_update"
FOR_ALL = f"{COMMAND} all=true"
FOR_EVERY_IMAGE = f"For every image, type `{FOR_ALL}`"
DIGEST = "sha256:" + "0123456789abcdef" * 4


def refusal(text: str) -> ArgumentError:
    with pytest.raises(ArgumentError) as refused:
        parse(text)
    return refused.value


# ── What may be asked for ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("image=demisto/python3", Reference("demisto/python3")),
        ("image=demisto/python3:3.12.13.10404775", Reference("demisto/python3", "3.12.13.10404775")),
        ("image=registry:5000/team/app:v1", Reference("registry:5000/team/app", "v1")),
        ("image=<http://registry.example|registry.example>/app", Reference("registry.example/app")),
        ("--image=`python:3`", Reference("python", "3")),
        ("image=9c1e6b20d7f3", ShortId("9c1e6b20d7f3")),
        (f"image={DIGEST}", ShortId(DIGEST.removeprefix("sha256:"))),
        (f"image={DIGEST.removeprefix('sha256:')}", ShortId(DIGEST.removeprefix("sha256:"))),
        ("image=sha256:9c1e6b20", ShortId("9c1e6b20")),
        ("image=cafe", ShortId("cafe")),
        ("image=caf", Reference("caf")),
        ("image=a`id`", Reference("aid")),
        ("image=python:3 all=false", Reference("python", "3")),
        ("all=no image=python:3", Reference("python", "3")),
        ('image=python:3 all=""', Reference("python", "3")),
    ],
)
def test_one_image_may_be_asked_for(text: str, wanted: Wanted) -> None:
    assert parse(text) == UpdateImages(wanted)


@pytest.mark.parametrize("value", ["true", "True", "TRUE", "yes", "Yes", "1", '"true"', "“yes”"])
def test_all_images_may_be_asked_for(value: str) -> None:
    assert parse(f"all={value}") == UpdateImages(None)


# ── What may not ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("demisto/python3", "I don't know what `demisto/python3` belongs to", "image=demisto/python3"),
        ("all", "I don't know what `all` belongs to", "all=true"),
        ("--all", "I don't know what `--all` belongs to", "all=true"),
        ("—all", "I don't know what `—all` belongs to", "all=true"),
        ("*", "I don't know what `*` belongs to", "all=true"),
        ("repository=python:3", "`repository` is not an argument of `/docker_image_update`", "image=python:3"),
        ("tag=python:3", "`tag` is not an argument of `/docker_image_update`", "image=python:3"),
        ("all=maybe", "`maybe` is not a value for `all`", "all=true"),
        ("all=maybe image=a", "`maybe` is not a value for `all`", "image=a"),
        ("all=true image=a", "`image` and `all=true` are both given", "image=a"),
        ("all=1 image=Demisto/Python3", "`image` and `all=true` are both given", "image=demisto/python3"),
        ("all=false", "`all=false` without an `image` selects nothing", "all=true"),
        ("all=0", "`all=0` without an `image` selects nothing", "all=true"),
        ("", "Neither `image` nor `all` is given", "image=demisto/python3"),
        ("image=", "Neither `image` nor `all` is given", "image=demisto/python3"),
        ("help", "Neither `image` nor `all` is given", "image=demisto/python3"),
        ("image=a image=b", "`image` is given twice: `a` and `b`", None),
        ("image=--all", "`--all` is not an image name", "all=true"),
        ("image=--force", "`--force` is not an image name", None),
        ("image=../x", "`../x` is not an image name", None),
        ("image=Demisto/Python3", "`Demisto/Python3` is not an image name", "image=demisto/python3"),
        ("image=http://a.example/x", "`http://a.example/x` is a URL, not an image name", "image=a.example/x"),
        ("image=x:", "`x:` is not an image name", "image=x"),
        ("image=$(id)", "`$(id)` is not an image name", None),
        ("image=a;id", "`a;id` is not an image name", None),
        ("image=sha256:9C1E6B20", "`sha256:9C1E6B20` is not an image ID", "image=sha256:9c1e6b20"),
        (
            f"image=python@{DIGEST}",
            f"`{f'python@{DIGEST}'[:59]}…` is pinned by its digest, so it has no updates",
            "image=python",
        ),
        (
            f"image=python:3@{DIGEST}",
            f"`{f'python:3@{DIGEST}'[:59]}…` is pinned by its digest, so it has no updates",
            "image=python:3",
        ),
        (f"image={'a' * 300}", f"`{'a' * 59}…` is too long for an image name", None),
        ("image={NAME HERE}", "`{NAME HERE}` in `image` is a placeholder", "image=demisto/python3"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_line_that_was_meant(text: str, message: str, line: str | None) -> None:
    error = refusal(text)
    assert error.message == message
    assert error.details == (() if line is None else (f"{COMMAND} {line}",))
    assert error.hint


def test_who_gives_both_is_told_the_other_line_too() -> None:
    error = refusal("image=a all=true")

    assert error.hint == f"Give one of them. For every image, type `{FOR_ALL}`. Paste this instead:"
    assert error.details == (f"{COMMAND} image=a",)


def test_who_gives_neither_is_told_both() -> None:
    error = refusal("")

    assert error.hint == "Name an image, or write `all=true` for every one. For example:"


@given(st.text(max_size=30) | st.text(max_size=20).map("image={}".format) | st.text(max_size=9).map("all={}".format))
def test_any_text_becomes_a_request_or_a_refusal_with_a_line_that_works(text: str) -> None:
    match outcome(text):
        case UpdateImages(image):
            assert image is None or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:-]*", str(image))
        case ArgumentError(message=message, hint=hint, details=details):
            assert message.isprintable()
            assert hint
            assert all(parse(line.removeprefix(COMMAND)) for line in details)


def outcome(text: str) -> UpdateImages | ArgumentError:
    try:
        return parse(text)
    except ArgumentError as error:
        return error


# ── The form ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"image": "demisto/python3"}, f"{COMMAND} image=demisto/python3"),
        ({"image": " python:3 ", "all": ""}, f"{COMMAND} image=python:3"),
        ({"image": "python:3", "all": "false"}, f"{COMMAND} image=python:3"),
        ({"image": "9c1e6b20d7f3"}, f"{COMMAND} image=9c1e6b20d7f3"),
        ({"image": "", "all": "true"}, FOR_ALL),
        ({"all": "yes"}, FOR_ALL),
    ],
)
def test_a_form_is_written_as_a_line(fields: dict[str, str], line: str) -> None:
    assert line_of(read_form(fields)) == line


def test_a_form_keeps_a_long_id_whole() -> None:
    assert line_of(read_form({"image": DIGEST})) == f"{COMMAND} image={DIGEST}"


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({}, {"image": "Neither `image` nor `all` is given. Name an image, or write `all=true` for every one."}),
        (
            {"image": "a", "all": "true"},
            {"image": f"`image` and `all=true` are both given. Give one of them. {FOR_EVERY_IMAGE}."},
        ),
        (
            {"image": "A", "all": "x"},
            {
                "image": "`A` is not an image name. Docker takes lower case only.",
                "all": "`x` is not a value for `all`. Use `true` or `false`.",
            },
        ),
        (
            {"image": "a all=true"},
            {"image": "`all=` starts another argument. Put it in its own field."},
        ),
        ({"all": "false"}, {"image": "`all=false` without an `image` selects nothing. Give an `image`."}),
    ],
)
def test_each_fault_of_a_form_stands_at_its_field(fields: dict[str, str], faults: dict[str, str]) -> None:
    with pytest.raises(FormError) as raised:
        read_form(fields)

    assert raised.value.faults == faults


def test_a_button_asks_for_an_image_by_its_name() -> None:
    assert request_for("demisto/python3:1") == UpdateImages(Reference("demisto/python3", "1"))

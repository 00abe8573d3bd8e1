import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.arguments import Argument, Grammar, parse, render
from commands.errors import ArgumentError
from commands.typed_text import LONGEST_TEXT

CREATE = Grammar(
    "/docker_image_create",
    (
        Argument("name", aliases=("image",)),
        Argument("dependencies", aliases=("deps", "pip"), many=True),
        Argument("packages", aliases=("apt",), many=True),
        Argument("base", aliases=("from", "image")),
    ),
)
UPDATE = Grammar("/docker_image_update", (Argument("image"), Argument("all")))
LIST = Grammar("/docker_images")

# Lines as people typed or published them; each names its source.
TYPED = [line["cmd"] for line in json.loads((Path(__file__).parent / "war_room_commands.json").read_text())]


def refusal(text: str, grammar: Grammar = CREATE) -> ArgumentError:
    with pytest.raises(ArgumentError) as refused:
        parse(text, grammar)
    return refused.value


def test_the_published_update_and_list_lines_are_read() -> None:
    lines = [line.partition(" ") for line in TYPED if not line.startswith(CREATE.command)]
    grammars = {grammar.command: grammar for grammar in (UPDATE, LIST)}
    assert [parse(text, grammars[command]) for command, _, text in lines] == [
        {},
        {"image": "demisto/python3:3.12.13.10404775"},
        {"all": "true"},
        {},
    ]


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", {}),
        ("   ", {}),
        ("help", {}),
        ("--help", {}),
        ("name=a base=b", {"name": "a", "base": "b"}),
        ("base=b name=a", {"base": "b", "name": "a"}),
        ("NAME=a Base=b", {"name": "a", "base": "b"}),
        ("name = a base= b", {"name": "a", "base": "b"}),
        ("--name=a —base=b –packages=c", {"name": "a", "base": "b", "packages": "c"}),
        ("name=a—b", {"name": "a--b"}),
        ("name=a‑b", {"name": "a-b"}),  # a non-breaking hyphen
        ('name="a" base=“b” packages=‘c’', {"name": "a", "base": "b", "packages": "c"}),
        ('"name=a" `base=b`', {"name": "a", "base": "b"}),
        ("```name=a base=b```", {"name": "a", "base": "b"}),
        ('name=a base="b', {"name": "a", "base": "b"}),
        ('base="b name=a', {"base": "b", "name": "a"}),
        ('base="b Name=a', {"base": "b", "name": "a"}),
        ('base="b name="a" packages="c', {"base": "b", "name": "a", "packages": "c"}),
        ('name="a"base="b"', {"name": "a", "base": "b"}),
        ("name=a,base=b", {"name": "a", "base": "b"}),
        (
            "name=a\u00a0base=b\u202fpackages=c",
            {"name": "a", "base": "b", "packages": "c"},
        ),
        ("dependencies=a, b ,c , d name=e", {"dependencies": "a, b ,c , d", "name": "e"}),
        ('dependencies="a  b" name=e', {"dependencies": "a b", "name": "e"}),
        ('dependencies="a","b"', {"dependencies": "a,b"}),
        ("dependencies=a==1.0,b", {"dependencies": "a==1.0,b"}),
        ("dependencies=a >= 1 , < 2 name=e", {"dependencies": "a >= 1 , < 2", "name": "e"}),
        ("dependencies=a&gt;=1,&lt;2 name=e", {"dependencies": "a>=1,<2", "name": "e"}),
        ("dependencies=a&amp;lt;1", {"dependencies": "a&lt;1"}),
        ("packages=c=1, d=2", {"packages": "c=1, d=2"}),
        ("dependencies= name=e", {"dependencies": "", "name": "e"}),
        ('dependencies="" name=e', {"dependencies": "", "name": "e"}),
        ("base=<demisto/python3>", {"base": "demisto/python3"}),
        ("base=&lt;demisto/python3&gt;", {"base": "demisto/python3"}),
        ('base="<demisto/python3>"', {"base": "demisto/python3"}),
        ("dependencies=<a>,<b>", {"dependencies": "a,b"}),
        ("dependencies=<http://discord.py|discord.py>==2", {"dependencies": "discord.py==2"}),
        ("dependencies=<http://discord.py>,b", {"dependencies": "discord.py,b"}),
        ("base=<http://r.example/a:1|r.example/a:1>", {"base": "r.example/a:1"}),
        ("base=<https://r.example/a|https://r.example/a>", {"base": "https://r.example/a"}),
        ("base=<https://r.example/a>", {"base": "https://r.example/a"}),
        ("base=<https://r.example>", {"base": "https://r.example"}),
        ("base=<http://u:p@r.example>", {"base": "http://u:p@r.example"}),
        ("dependencies=x@ https://r.example/a", {"dependencies": "x@ https://r.example/a"}),
    ],
)
def test_arguments_are_read_as_they_are_meant(text: str, arguments: dict[str, str]) -> None:
    found = parse(text, CREATE)
    assert list(found.items()) == list(arguments.items())


@pytest.mark.parametrize(
    ("text", "part", "line"),
    [
        ("nam=a", "`nam`", "/docker_image_create name=a"),
        ("name=a dependency=b", "`dependency`", "/docker_image_create name=a dependencies=b"),
        ("deps=b name=a", "`deps`", "/docker_image_create dependencies=b name=a"),
        ("name=a from=x:1 apt=wget", "`from`", "/docker_image_create name=a base=x:1 packages=wget"),
        ("image=a", "`image`", "/docker_image_create name=a"),
        ("name=a image=b", "`image`", "/docker_image_create name=a base=b"),
        ("name=a dependencies=b deps=c", "`deps`", "/docker_image_create name=a dependencies=b,c"),
        ("name=a env=b", "`env`", "/docker_image_create name=a"),
        ("name=a --network=host", "`network`", "/docker_image_create name=a"),
        ("packages=a b=1.0", "`b`", "/docker_image_create packages=a,b=1.0"),
        ("foo", "`foo`", "/docker_image_create name=foo"),
        ("name=a foo base=b", "`foo`", "/docker_image_create name=a base=b"),
        ("name=a dependencies=b c d", "`c`", "/docker_image_create name=a dependencies=b,c,d"),
        ("dependencies=b && rm x", "`&&`", "/docker_image_create dependencies=b"),
        ("name=a name=a", "`name`", "/docker_image_create name=a"),
        ("name=a base=b name=c", "`name`", None),
        ("packages=a name=b packages=c", "`packages`", "/docker_image_create packages=a,c name=b"),
        ("name={NAME HERE} base=b", "`{NAME HERE}`", "/docker_image_create base=b"),
        ("dependencies={A},b,x{C}", "`{A}`", "/docker_image_create dependencies=b"),
        ("name=a\nbase=b", "line break", "/docker_image_create name=a base=b"),
        ("name=a\tbase=b", "tab", "/docker_image_create name=a base=b"),
        ("name=a\x00b", "U+0000", "/docker_image_create name=ab"),
        ("name=a\u200bb", "zero width space", "/docker_image_create name=ab"),
        ("name=a\u202eb", "right-to-left override", "/docker_image_create name=ab"),
        ("name=\u0430pi", "U+0430 (cyrillic small letter a) as character 6", "/docker_image_create name=api"),
        ("name=\uff41", "fullwidth latin small letter a", "/docker_image_create name=a"),
        ("name=caf\u00e9", "`caf\u00e9`", "/docker_image_create name=cafe"),
        ("name=\u6f22", "U+6F22", None),
        ("name=" + "a" * LONGEST_TEXT, "2,005 characters", None),
    ],
)
def test_a_refusal_names_the_part_and_offers_a_line_to_paste(text: str, part: str, line: str | None) -> None:
    error = refusal(text)
    assert part in error.message
    assert error.details == (() if line is None else (line,))
    assert error.hint.endswith("Paste this instead:") == (line is not None)


def test_an_unknown_argument_gets_the_nearest_known_one() -> None:
    error = refusal("imgae=a", UPDATE)
    assert error.message == "`imgae` is not an argument of `/docker_image_update`"
    assert error.hint == "Did you mean `image`? Known arguments: `image`, `all`. Paste this instead:"
    assert error.details == ("/docker_image_update image=a",)


def test_a_single_word_is_taken_for_the_first_argument() -> None:
    assert refusal("demisto/python3", UPDATE).details == ("/docker_image_update image=demisto/python3",)


def test_a_command_without_arguments_says_so() -> None:
    error = refusal("all=true", LIST)
    assert error.message == "`all=true` is not needed: `/docker_images` takes no arguments"
    assert error.details == ("/docker_images",)


def test_a_message_shows_neither_back_ticks_nor_endless_text() -> None:
    error = refusal("name=a " + "b`c" * 300)
    assert error.message.count("`") == 2
    assert len(error.message) < 200


@pytest.mark.parametrize(
    ("text", "form"), [("tool", "`name=tool`"), ("name=a tool", "`argument=value`"), ("name=a &&", "`argument=value`")]
)
def test_a_word_that_belongs_to_nothing_gets_the_form_to_write(text: str, form: str) -> None:
    error = refusal(text)
    assert error.message.startswith("I don't know what `")
    assert error.hint.startswith(f"Write {form}. Known arguments: `name`, ")


def test_a_line_with_several_mistakes_gets_one_line_without_any() -> None:
    error = refusal("nam=\u0430pi deps={X},b deps=c foo")
    assert error.details == ("/docker_image_create name=api dependencies=b,c,foo",)


plain_values = st.text(alphabet="ab1=<>&.,-/:@[]", min_size=1).filter(
    # Commas around a value and brackets around a word are dropped on purpose, and `a&lt;` is what Slack makes of `a<`.
    lambda value: value == value.strip(",") and "<" not in value
)


@given(st.dictionaries(st.sampled_from(CREATE.names), plain_values))
def test_rendered_arguments_are_read_back_the_same(arguments: dict[str, str]) -> None:
    assert parse(render(arguments), CREATE) == arguments


signs = st.sampled_from("=\"'`<>{}|&;,()[]$\\#!@ \t\n\u200b\u00a0—“”’еé")
words = st.sampled_from(
    [
        "name",
        "name=",
        "base=",
        "dependencies=",
        "deps=",
        "{X}",
        "&lt;",
        "&amp;",
        "<http://a.py|a.py>",
        "https://a.example/b",
        "a",
        "B",
        "1.0",
        "==",
        ">=",
        "-r",
    ]
)


@given(st.text() | st.lists(signs | words).map("".join), st.sampled_from([CREATE, UPDATE, LIST]))
def test_any_text_is_read_or_refused_with_a_line_that_is_read(text: str, grammar: Grammar) -> None:
    match outcome(text, grammar):
        case ArgumentError(message=message, details=details):
            assert "`" in message
            for line in details:
                parse(line.removeprefix(grammar.command), grammar)
        case arguments:
            assert parse(render(arguments), grammar) == arguments
            assert not set("\"'`{}\n\t") & set("".join(arguments.values()))


@pytest.mark.parametrize("text", ["name=name=a", "NAME=NAME= a", "name=name = a"])
def test_an_argument_in_an_argument_is_refused_with_the_line_that_was_meant(text: str) -> None:
    refused = refusal(text)

    assert "contains another argument" in refused.message
    assert refused.details == ("/docker_image_create name=a",)


def outcome(text: str, grammar: Grammar) -> dict[str, str] | ArgumentError:
    try:
        return parse(text, grammar)
    except ArgumentError as error:
        return error

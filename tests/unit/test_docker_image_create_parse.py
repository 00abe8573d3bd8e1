import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.docker_image_create import parse
from commands.errors import ArgumentError
from commands.model.packages import OsPackage, PythonRequirement
from commands.model.references import Reference
from commands.model.requests import MOST_PACKAGES, CreateImage

COMMAND = "/docker_image_create"
DIGEST = "sha256:" + "0123456789abcdef" * 4

# Lines as people typed or published them; each names its source.
TYPED = [
    line["cmd"].removeprefix(COMMAND)
    for line in json.loads((Path(__file__).parent / "war_room_commands.json").read_text())
    if line["cmd"].startswith(COMMAND)
]


def python(*names: str) -> tuple[PythonRequirement, ...]:
    return tuple(PythonRequirement(name) for name in names)


def refusal(text: str) -> ArgumentError:
    with pytest.raises(ArgumentError) as refused:
        parse(text)
    return refused.value


def test_the_published_lines_are_read_or_refused_with_a_corrected_line() -> None:
    google = python("google-auth", "google-auth-oauthlib", "google-auth-httplib2", "google-api-python-client")
    expected = [
        CreateImage("example_name", None, python("mechanize"), (OsPackage("wget"),)),
        CreateImage(
            "custom/requests",
            Reference("demisto/python3-deb", "3.10.12.63475"),
            python("idna", "chardet", "requests"),
            (),
        ),
        CreateImage(
            "demisto/mongoclient1", Reference("demisto/python3"), (PythonRequirement("pymongo", (), "==3.5.1"),), ()
        ),
        CreateImage("demisto/pysftp", Reference("demisto/python3"), python("pysftp"), ()),
        CreateImage("googleoauth", Reference("demisto/googleapi-python3", "1.0.0.13812"), google, ()),
        CreateImage(
            "selenium",
            Reference("demisto/python3-deb", "3.7.2.214"),
            python("selenium"),
            (OsPackage("chromium"), OsPackage("chromium-driver")),
        ),
        CreateImage(
            "mypyexpose", Reference("demisto/python3-deb", "3.8.2.6981"), python("bottle", "paramiko", "scp"), ()
        ),
        CreateImage(
            "tableau",
            Reference("demisto/python3-deb", "3.8.2.6981"),
            python("tableauserverclient", "tableauhyperapi"),
            (),
        ),
        CreateImage("trustar", None, python("trustar"), ()),
        "/docker_image_create name=crowdstrike-falconpy dependencies=crowdstrike-falconpy",
        CreateImage("localhost/directory/container_name", None, python("requests"), ()),
    ]
    read = [outcome(text) for text in TYPED]
    assert [each.details[0] if isinstance(each, ArgumentError) else each for each in read] == expected


def test_pasted_placeholders_are_named() -> None:
    error = refusal('name={NAME HERE} base="demisto/python3-VERSION" dependencies="crowdstrike-falconpy"')
    assert error.message == "`{NAME HERE}` in `name` is a placeholder"
    assert error.hint == "Replace it with your value for `name`. Paste this instead:"


def test_no_text_asks_for_a_name_and_shows_an_example() -> None:
    for text in ("", "  ", "help"):
        error = refusal(text)
        assert error.message == "`name` is missing"
        assert error.hint == "Give the new image a name. For example:"
        assert error.details == ("/docker_image_create name=example_name dependencies=mechanize packages=wget",)


def test_a_missing_name_is_suggested_from_the_first_package() -> None:
    assert refusal("packages=Chromium_X=1,b").details == (f"{COMMAND} name=chromium-x packages=Chromium_X=1,b",)


def test_nothing_to_add_is_a_request() -> None:
    assert parse('name=a base=b dependencies= packages=""') == CreateImage("a", Reference("b"), (), ())


@pytest.mark.parametrize(
    ("value", "requirements"),
    [
        ("x>=1,<2", [PythonRequirement("x", (), "<2,>=1")]),
        ("x >= 1 , < 2, y", [PythonRequirement("x", (), "<2,>=1"), PythonRequirement("y")]),
        ("x[b,a]>=1", [PythonRequirement("x", ("a", "b"), ">=1")]),
        ('"x [b, a] >= 1"', [PythonRequirement("x", ("a", "b"), ">=1")]),
        ("x (>=1,<2)", [PythonRequirement("x", (), "<2,>=1")]),
        ("Django~=4.2", [PythonRequirement("Django", (), "~=4.2")]),
        ("x!=1.*,y", [PythonRequirement("x", (), "!=1.*"), PythonRequirement("y")]),
        ("x==1!2.0rc1.post1+local.1", [PythonRequirement("x", (), "==1!2.0rc1.post1+local.1")]),
        ("zope.interface,a_b-c", list(python("zope.interface", "a_b-c"))),
        ('"idna chardet"', list(python("idna", "chardet"))),
        ("a,,b,", list(python("a", "b"))),
        ("A.b,a-B", list(python("A.b"))),
        ("a>=1,a>=1", [PythonRequirement("a", (), ">=1")]),
        ("py3,7zip", list(python("py3", "7zip"))),
    ],
)  # fmt: skip
def test_dependencies_are_requirements_of_pep_508(value: str, requirements: list[PythonRequirement]) -> None:
    assert list(parse(f"name=a dependencies={value}").dependencies) == requirements


@pytest.mark.parametrize(
    ("value", "packages"),
    [
        ("wget", [OsPackage("wget")]),
        ("g++,libstdc++,memtest86+", [OsPackage("g++"), OsPackage("libstdc++"), OsPackage("memtest86+")]),
        ("curl=8.21.0-r0, libcurl=8.21.0-r0", [OsPackage("curl", "8.21.0-r0"), OsPackage("libcurl", "8.21.0-r0")]),
        ("libcom-err2=1.47.0-2+b2", [OsPackage("libcom-err2", "1.47.0-2+b2")]),
        ("x=1:2.3-4+deb12u1~x", [OsPackage("x", "1:2.3-4+deb12u1~x")]),
        ("x=1.2b_rc1_p20240101-r12", [OsPackage("x", "1.2b_rc1_p20240101-r12")]),
        ("R,libgl1-mesa-glx,linux_x", [OsPackage("R"), OsPackage("libgl1-mesa-glx"), OsPackage("linux_x")]),
        ('"wget unzip"', [OsPackage("wget"), OsPackage("unzip")]),
        ("wget,wget", [OsPackage("wget")]),
    ],
)
def test_packages_are_names_of_debian_or_alpine(value: str, packages: list[OsPackage]) -> None:
    assert list(parse(f"name=a packages={value}").packages) == packages


# What is typed, the part that the message names, and the line to paste instead (behind the command).
HOSTILE = [
    ("name=Demo/A dependencies=x", "`Demo/A`", "name=demo/a dependencies=x"),
    ("name=a:1.0 dependencies=x", "`:1.0`", "name=a dependencies=x"),
    (f"name=a@{DIGEST}", "`@sha256:0123456789abcdef", "name=a"),
    ("name=scratch dependencies=x", "`scratch`", "name=x dependencies=x"),
    (f"name={'0123456789abcdef' * 4} packages=x", "`0123456789abcdef", "name=x packages=x"),
    ("name=my___image! packages=x", "`my___image!`", "name=my-image packages=x"),
    ("name=../../etc/passwd", "`../../etc/passwd`", "name=etc/passwd"),
    ("name=-v packages=x", "`-v`", "name=v packages=x"),
    ("name=$(id) packages=x", "`$(id)`", "name=id packages=x"),
    ("name=a;id packages=x", "`a;id`", "name=a-id packages=x"),
    ("name=a|id packages=x", "`a|id`", "name=a-id packages=x"),
    ("name=<@U123> packages=x", "`@U123`", "name=u123 packages=x"),
    ("name=%%% packages=x", "`%%%`", "name=x packages=x"),
    ("name=\u0430pi packages=x", "U+0430", "name=api packages=x"),
    ("name=a packages=x\nRUN id", "line break", "name=a packages=x,RUN,id"),
    ("name=a packages=x\u2028USER root", "U+2028", "name=a packages=x,USER,root"),
    ("name=a\u200b packages=x", "zero width space", "name=a packages=x"),
    ("name=a base=https://r.example/x:1", "`https://r.example/x:1`", "name=a base=r.example/x:1"),
    ("name=a base=x:1@sha256:12", "`x:1@sha256:12`", "name=a base=x:1"),
    ("name=a base=registry:5000:1/x", "`registry:5000:1/x`", "name=a"),
    ("name=a base=scratch", "`scratch`", "name=a"),
    ("name=a base=python:TAG", "`python:TAG`", "name=a"),
    ("name=a base=python@{DIGEST}", "`{DIGEST}`", "name=a"),
    ("name=a base=$BASE", "`$BASE`", "name=a"),
    ('name=a base="python AS x"', "`python AS x`", "name=a base=python-as-x"),
    ("name=a base=--platform=x", "`--platform=x`", "name=a"),
    ("name=a dependencies=git+https://a.example/b,c", "`git+https://a.example/b`", "name=a dependencies=c"),
    ("name=a dependencies=https://a.example/b.whl", "`https://a.example/b.whl`", None),
    ("name=a dependencies=<https://a.b/c|https://a.b/c>,d", "`https://a.b/c`", "name=a dependencies=d"),
    ("name=a dependencies=b@https://a.example/b.whl", "`b@https://a.example/b.whl`", None),
    ("name=a dependencies=b @ file:///etc", "`b@file:///etc`", None),
    ("name=a dependencies=b@c", "`b@c`", "name=a dependencies=b"),
    ("name=a dependencies=./b", "`./b`", None),
    ("name=a dependencies=/etc/passwd,b", "`/etc/passwd`", "name=a dependencies=b"),
    ("name=a dependencies=~/b,c", "`~/b`", "name=a dependencies=c"),
    ("name=a dependencies=..\\b", "`..\\b`", None),
    ("name=a dependencies=b.whl,c", "`b.whl`", "name=a dependencies=c"),
    ("name=a dependencies=requirements.txt", "`requirements.txt`", None),
    ("name=a dependencies=-r,b", "`-r`", "name=a dependencies=b"),
    ('name=a dependencies="-r b"', "`-r`", "name=a dependencies=b"),
    ("name=a dependencies=--index-url=https://a.example,b", "`--index-url=https://a.example`", "name=a dependencies=b"),
    ("name=a dependencies=—pre,b", "`--pre`", "name=a dependencies=b"),
    ("name=a dependencies=$(id),b", "`$(id)`", "name=a dependencies=b"),
    ("name=a dependencies=${IFS}id", "`{IFS}`", "name=a"),
    ("name=a dependencies=b&&id", "`b&&id`", None),
    ("name=a dependencies=b && id", "`&&`", "name=a dependencies=b"),
    ("name=a dependencies=b | sh", "`|`", "name=a dependencies=b"),
    ("name=a dependencies=b>out", "`>out`", "name=a dependencies=b"),
    ("name=a dependencies=b;id", "`b;id`", "name=a dependencies=b,id"),
    ("name=a dependencies=b; python_version < '3'", "`b;python_version<3`", "name=a dependencies=b"),
    ("name=a dependencies=b===1", "`b===1`", "name=a dependencies=b==1"),
    ("name=a dependencies=b=1", "`b=1`", "name=a dependencies=b==1"),
    ("name=a dependencies=b==latest", "`==latest`", "name=a dependencies=b"),
    ("name=a dependencies=b>=1.*", "`>=1.*`", "name=a dependencies=b"),
    ("name=a dependencies=b 2.31", "`2.31`", "name=a dependencies=b==2.31"),
    ('name=a dependencies="b 2.31, c"', "`2.31`", "name=a dependencies=b==2.31,c"),
    ("name=a dependencies=>=1", "`>=1`", None),
    ("name=a dependencies=b[", "`b[`", None),
    ("name=a dependencies=b_,c", "`b_`", "name=a dependencies=c"),
    ("name=a dependencies=b[c_],d", "`b[c_]`", "name=a dependencies=d"),
    ("name=a dependencies=b,B>=2", "`B>=2` contradicts `b`", "name=a dependencies=B>=2"),
    ("name=a dependencies=b==1,b==2", "`b==2` contradicts `b==1`", None),
    ("name=a dependencies=*", "`*`", None),
    ("name=a packages=wget-", "`wget-`", "name=a packages=wget"),
    ("name=a packages=wget=1-", "`wget=1-`", "name=a packages=wget"),
    ("name=a packages=wget=1+", "`wget=1+`", "name=a packages=wget"),
    ("name=a packages=-y,wget", "`-y`", "name=a packages=wget"),
    ("name=a packages=--no-install-recommends", "`--no-install-recommends`", None),
    ("name=a packages=libc6:i386", "`libc6:i386`", "name=a packages=libc6"),
    ("name=a packages=wget/sid", "`wget/sid`", "name=a packages=wget"),
    ("name=a packages=wget@edge", "`wget@edge`", "name=a packages=wget"),
    ("name=a packages=curl>=8", "`curl>=8`", "name=a packages=curl"),
    ("name=a packages=curl~=8", "`curl~=8`", "name=a packages=curl"),
    ("name=a packages=curl~8", "`curl~8`", "name=a packages=curl"),
    ("name=a packages=curl==8", "`curl==8`", "name=a packages=curl=8"),
    ("name=a packages=curl=", "`curl=`", "name=a packages=curl"),
    ("name=a packages=curl=$(id)", "`curl=$(id)`", "name=a packages=curl"),
    ("name=a packages=!wget,curl", "`!wget`", "name=a packages=curl"),
    ("name=a packages=wget^", "`wget^`", None),
    ("name=a packages=~nwget", "`~nwget`", None),
    ("name=a packages=?name(x)", "`?name(x)`", None),
    ("name=a packages=lib*", "`lib*`", None),
    ("name=a packages=./x.deb", "`./x.deb`", None),
    ("name=a packages=x.deb,y", "`x.deb`", "name=a packages=y"),
    ("name=a packages=https://a.example/x.deb", "`https://a.example/x.deb`", None),
    ("name=a packages=wget;id", "`wget;id`", "name=a packages=wget,id"),
    ("name=a packages=wget=1,wget=2", "`wget=2` contradicts `wget=1`", None),
    ("name=a packages=wget,wget=2", "`wget=2` contradicts `wget`", "name=a packages=wget=2"),
    ("name=a env=X", "`env`", "name=a"),
    ("name=a dependency=b", "`dependency`", "name=a dependencies=b"),
    ("name=Foo deps=B=1 from=X/Y apt=wget-", "`deps`", "name=foo dependencies=B==1 base=x/y packages=wget"),
    (f"{COMMAND} name=a packages=x", f"`{COMMAND}`", "name=a packages=x"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "part", "line"), HOSTILE)
def test_what_is_in_no_grammar_is_refused_by_name(text: str, part: str, line: str | None) -> None:
    error = refusal(text)
    assert part in error.message
    assert error.details == (() if line is None else (f"{COMMAND} {line}",))
    assert error.hint.endswith("Paste this instead:") == (line is not None)


def test_too_many_packages_are_refused_with_the_limit() -> None:
    error = refusal("name=a dependencies=" + ",".join(f"p{number}" for number in range(MOST_PACKAGES + 1)))
    assert f"lists {MOST_PACKAGES + 1} packages" in error.message
    assert str(MOST_PACKAGES) in error.hint
    assert error.details == ()


def test_a_text_over_the_limit_is_refused() -> None:
    assert "2,001 characters" in refusal("name=a".ljust(2001, "b")).message


# Properties.

words = st.text("abz09", min_size=1, max_size=6)
dotted = st.lists(words, min_size=1, max_size=3).map(".".join)
specifiers = st.sampled_from(
    [("", ""), ("==1.0", "==1.0"), (">=1,<2", "<2,>=1"), ("~=1.2", "~=1.2"), ("!=1.*", "!=1.*"), ("==1+x.1", "==1+x.1")]
)
python_lists = st.lists(
    st.tuples(st.builds("p{}".format, dotted), st.sampled_from([(), ("a",), ("a", "b")]), specifiers),
    max_size=4,
    unique_by=lambda wanted: wanted[0],
)
os_lists = st.lists(
    st.builds(OsPackage, words.map("lib{}++".format), st.sampled_from([None, "8.21.0-r0", "1:2.3-4+deb12u1~x"])),
    max_size=4,
    unique_by=lambda package: package.name,
)
references = st.builds(
    Reference,
    st.tuples(st.sampled_from(["", "localhost/", "registry:5000/", "r.example/"]), words, words).map(
        lambda parts: f"{parts[0]}{parts[1]}/{parts[2]}"
    ),
    st.sampled_from([None, "3.12.13.11694875", "Tag_1"]),
    st.sampled_from([None, DIGEST]),
)
quotes = st.sampled_from([('"', '"'), ("'", "'"), ("`", "`"), ("“", "”"), ("‘", "’"), ("„", "“"), ("«", "»")])
spaces = st.sampled_from([" ", "  ", "\u00a0", "\u202f", "\u3000", " \u2009"])


@dataclass(frozen=True)
class Mangling:
    """What a chat client, a phone or a hurry does to one argument."""

    quotes: tuple[str, str] | None
    comma: str
    escaped: bool
    linked: bool
    key: str
    equals: str
    space: str

    def apply(self, name: str, entries: list[str], *, open_end: bool) -> str:
        value = self.comma.join(self._entry(entry) for entry in entries)
        if self.quotes or not value:
            opening, closing = self.quotes or ('"', '"')
            value = f"{opening}{value}{'' if open_end else closing}"
        return f"{self.space}{self.key.format(name)}{self.equals}{value}"

    def _entry(self, entry: str) -> str:
        escaped = entry.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") if self.escaped else entry
        return re.sub(r"^([a-z0-9]+(?:\.[a-z0-9]+)+)", r"<http://\1|\1>", escaped) if self.linked else escaped


manglings = st.builds(
    Mangling,
    quotes=st.none() | quotes,
    comma=st.sampled_from([",", ", ", " ,", " , ", ",,"]),
    escaped=st.booleans(),
    linked=st.booleans(),
    key=st.sampled_from(["{}", "--{}", "—{}"]),
    equals=st.sampled_from(["=", " =", "= ", " = "]),
    space=spaces,
)


@dataclass(frozen=True)
class TypedRequest:
    """A request, and the entries that a person types for it, by argument."""

    request: CreateImage
    entries: dict[str, list[str]]


@st.composite
def typed_requests(draw: st.DrawFn) -> TypedRequest:
    name, base, wanted, packages = draw(words), draw(st.none() | references), draw(python_lists), draw(os_lists)
    entries = {
        "name": [name],
        "base": [str(base)] if base else [],
        "dependencies": [
            f"{each}[{','.join(extras)}]{typed}" if extras else f"{each}{typed}" for each, extras, (typed, _) in wanted
        ],
        "packages": [str(package) for package in packages],
    }
    dependencies = tuple(PythonRequirement(each, extras, specifier) for each, extras, (_, specifier) in wanted)
    return TypedRequest(CreateImage(name, base, dependencies, tuple(packages)), entries)


@given(
    typed_requests(),
    st.permutations(["name", "base", "dependencies", "packages"]),
    st.lists(manglings, min_size=4, max_size=4),
    st.booleans(),
)
def test_a_request_survives_every_mangling(
    typed: TypedRequest, order: list[str], mangled: list[Mangling], open_end: bool
) -> None:
    text = "".join(
        mangling.apply(name, typed.entries[name], open_end=open_end and name == order[-1])
        for name, mangling in zip(order, mangled, strict=True)
    )
    assert parse(text) == typed.request


signs = st.sampled_from("=\"'`<>{}|&;,()[]$\\#!@~^*?:+-._/ \n\u200b\u00a0—“”еé")
parts = st.sampled_from(
    [
        "name=",
        "base=",
        "dependencies=",
        "packages=",
        "deps=",
        "&lt;",
        "<http://a.py|a.py>",
        "https://a.b/c",
        "a",
        "B",
        "1.0",
        "==",
        ">=",
        "[x]",
        "-r",
        ".whl",
    ]
)
values = st.text(max_size=20) | st.lists(signs | parts, max_size=8).map("".join)
four_values = st.tuples(values, values, values, values).map(
    "name={0[0]} base={0[1]} dependencies={0[2]} packages={0[3]}".format
)


@given(values | four_values)
def test_any_text_becomes_a_request_in_the_grammars_or_a_refusal_with_a_line_that_works(text: str) -> None:
    match outcome(text):
        case CreateImage() as made:
            assert_within_the_grammars(made)
        case ArgumentError(message=message, details=details):
            assert "`" in message
            assert message.isprintable()
            assert len(message) < 300
            for line in details:
                assert_within_the_grammars(parse(line.removeprefix(COMMAND)))


def outcome(text: str) -> CreateImage | ArgumentError:
    try:
        return parse(text)
    except ArgumentError as error:
        return error


def assert_within_the_grammars(made: CreateImage) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:-]*", made.name)
    assert made.base is None or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*", str(made.base))
    for requirement in made.dependencies:
        assert re.fullmatch(
            r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,-]+\])?", str(requirement).removesuffix(requirement.specifier)
        )
        assert re.fullmatch(r"(?:(?:^|,)(?:==|!=|~=|<=|>=|<|>)[A-Za-z0-9.!+*_-]+)*", requirement.specifier)
    for package in made.packages:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9+._-]*(=[0-9][A-Za-z0-9+.:~_-]*)?", str(package))
        assert not str(package).endswith("-")

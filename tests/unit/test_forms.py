import io
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogs.stages import DialogId
from bot.router import COMMANDS
from bot.slack.forms import COMMAND_FORMS, CREATE, UPDATE, Forms
from bot.slack.payloads import Click, FormSent, SlashCommand
from bot.slack.views.create.form import create_form
from bot.slack.views.form import FormContext
from bot.slack.views.images.filter_form import filter_form
from bot.slack.views.update.form import update_form
from commands.docker_image_create import fields_of, line_of, parse, read_form
from commands.errors import EngineUnavailable
from commands.model.packages import OsPackage, PythonRequirement
from commands.model.references import Reference
from commands.model.requests import CreateImage, Query
from commands.typed_text import FormError
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.logs import logs_to
from tests.kit.examples import PROPOSAL, SPEC

URL = "https://hooks.slack.invalid/1"
COMMAND = SlashCommand(
    command="/docker_image_create", user_id="U0ALICE", channel_id="C0WARROOM", trigger_id="1.2.abc", response_url=URL
)
CLICK = Click.model_validate(
    {
        "user": {"id": "U0BOB"},
        "channel": {"id": "C0WARROOM"},
        "actions": [{"action_id": "edit", "value": "d-1"}],
        "trigger_id": "3.4.def",
    }
)
UPDATE_COMMAND = COMMAND.model_copy(update={"command": "/docker_image_update"})
BASES = ("demisto/python3-deb", "localbase:1")
IMAGES = ("newest:2", "oldest:1")
EMPTY = FormContext("C0WARROOM", response_url=URL)
SAID = "The form did not open. Try again, or type the arguments after the command. `help` after the command lists them."


@dataclass(slots=True)
class RecordingSlack:
    """What Slack is asked for: `takes` says whether it opens modals, `hears` whether response URLs are good."""

    takes: Callable[[], bool] = lambda: True
    hears: bool = True
    views: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    responses: list[tuple[str, str]] = field(default_factory=list)
    whispers: list[tuple[str, str, str]] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def open_view(self, trigger: str, view: dict[str, Any]) -> bool:
        self.views.append((trigger, view))
        return self.takes()

    def respond(self, url: str, text: str) -> bool:
        self.responses.append((url, text))
        return self.hears

    def whisper(self, channel: str, user: str, text: str, response_url: str) -> None:
        self.whispers.append((channel, user, text))
        self.urls.append(response_url)

    def forms(
        self,
        bases: Callable[[], Sequence[str]] = lambda: BASES,
        images: Callable[[], Sequence[str]] = lambda: IMAGES,
        *,
        seconds: float = PATIENCE_SECONDS,
    ) -> Forms:
        return Forms(self.open_view, bases, images, respond=self.respond, whisper=self.whisper, listing_seconds=seconds)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with logs_to(io.StringIO()):
        yield


# ── Opening ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_form_is_opened_with_the_trigger_and_the_bases_that_are_there() -> None:
    slack = RecordingSlack()
    forms = slack.forms()

    forms.open_empty(COMMAND)
    forms.close()

    assert slack.views == [("1.2.abc", create_form(EMPTY, {}, BASES))]
    assert (slack.responses, slack.whispers) == ([], [])


def test_the_form_of_an_update_is_opened_with_the_images_that_are_there() -> None:
    slack = RecordingSlack()
    forms = slack.forms()

    forms.open_empty(UPDATE_COMMAND)
    forms.close()

    assert slack.views == [("1.2.abc", update_form(EMPTY, {}, IMAGES))]


def test_the_form_of_a_filter_is_filled_with_what_the_list_shows_and_asks_no_daemon() -> None:
    def never() -> Sequence[str]:
        raise AssertionError("the daemon was asked")

    slack = RecordingSlack()
    forms = slack.forms(never, never)

    forms.open_filter(CLICK, Query(page=3, text="python", made_here=True))
    forms.close()

    context = FormContext("C0WARROOM", edits=DialogId("d-1"))
    assert slack.views == [("3.4.def", filter_form(context, Query(text="python", made_here=True)))]


def test_every_command_that_has_a_form_can_open_it() -> None:
    assert [form.command for form in COMMAND_FORMS] == [command.name for command in COMMANDS if command.has_form]


def test_a_form_to_edit_is_filled_with_the_review() -> None:
    slack = RecordingSlack()
    forms = slack.forms()

    forms.open_filled(CLICK, PROPOSAL)
    forms.close()

    context = FormContext("C0WARROOM", edits=DialogId("d-1"))
    assert slack.views == [("3.4.def", create_form(context, fields_of(SPEC), BASES))]


def test_a_listener_does_not_wait_for_slack_nor_for_the_daemon() -> None:
    may_go_on = threading.Event()
    slack = RecordingSlack(takes=lambda: may_go_on.wait(PATIENCE_SECONDS))
    forms = slack.forms()

    for _ in range(5):
        forms.open_empty(COMMAND)
    may_go_on.set()
    forms.close()

    assert len(slack.views) == 5
    assert slack.responses == []


@pytest.mark.parametrize("hears", [True, False])
def test_who_gets_no_form_after_a_command_is_told_by_its_response_url_or_else_in_the_channel(*, hears: bool) -> None:
    slack = RecordingSlack(takes=lambda: False, hears=hears)
    forms = slack.forms()

    forms.open_empty(COMMAND)
    forms.close()

    assert slack.responses == [(URL, SAID)]
    assert slack.whispers == ([] if hears else [("C0WARROOM", "U0ALICE", SAID)])


def test_who_gets_no_form_after_a_click_is_told_in_the_channel() -> None:
    slack = RecordingSlack(takes=lambda: False)
    forms = slack.forms()

    forms.open_filled(CLICK, PROPOSAL)
    forms.close()

    assert (slack.responses, slack.whispers) == ([], [("C0WARROOM", "U0BOB", SAID)])


def test_a_defect_while_a_form_is_opened_is_told_too() -> None:
    def defect() -> bool:
        raise RuntimeError("a defect")

    slack = RecordingSlack(takes=defect)
    forms = slack.forms()

    forms.open_filled(CLICK, PROPOSAL)
    forms.close()

    assert slack.whispers == [("C0WARROOM", "U0BOB", SAID)]


# ── The menu of bases ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_daemon_that_is_away_leaves_a_form_without_a_menu() -> None:
    def away() -> Sequence[str]:
        raise EngineUnavailable("No Docker daemon answers.", hint="Start it.")

    slack = RecordingSlack()
    forms = slack.forms(away)

    forms.open_empty(COMMAND)
    forms.close()

    assert slack.views == [("1.2.abc", create_form(EMPTY, {}, ()))]
    assert slack.responses == []


def test_a_daemon_that_hangs_is_asked_once_and_not_waited_for() -> None:
    asked: list[None] = []
    may_answer = threading.Event()

    def hang() -> Sequence[str]:
        asked.append(None)
        may_answer.wait(PATIENCE_SECONDS)
        return BASES

    slack = RecordingSlack()
    forms = slack.forms(hang, seconds=0.01)

    for _ in range(3):
        forms.open_empty(COMMAND)
    forms.close()
    may_answer.set()

    assert slack.views == [("1.2.abc", create_form(EMPTY, {}, ()))] * 3
    assert len(asked) == 1


def test_a_daemon_that_is_away_leaves_the_form_of_an_update_without_a_menu() -> None:
    def away() -> Sequence[str]:
        raise EngineUnavailable("No Docker daemon answers.", hint="Start it.")

    slack = RecordingSlack()
    forms = slack.forms(images=away)

    forms.open_empty(UPDATE_COMMAND)
    forms.close()

    assert slack.views == [("1.2.abc", update_form(EMPTY, {}, ()))]


def test_the_daemon_is_asked_anew_for_every_form() -> None:
    answers = [("first:1",), ("second:2",)]
    slack = RecordingSlack()

    for _ in range(2):
        forms = slack.forms(lambda: answers.pop(0))
        forms.open_empty(COMMAND)
        forms.close()

    assert [view for _, view in slack.views] == [
        create_form(EMPTY, {}, bases) for bases in (("first:1",), ("second:2",))
    ]


# ── What was filled in ──────────────────────────────────────────────────────────────────────────────────────────────

names = st.from_regex(r"[a-z][a-z0-9]{0,9}(/[a-z][a-z0-9]{0,9})?", fullmatch=True)
versions = st.from_regex(r"[1-9](\.[0-9]{1,2}){1,2}", fullmatch=True)
words = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,10}[a-z0-9]", fullmatch=True).filter(
    lambda word: word.lower() not in {"name", "dependencies", "packages", "base"}
)
specifiers = st.just("") | st.builds("{}{}".format, st.sampled_from([">=", "==", "<", "!=", "~="]), versions)
requirements = st.builds(
    PythonRequirement,
    words,
    st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), max_size=2, unique=True).map(lambda it: tuple(sorted(it))),
    specifiers,
)
os_packages = st.builds(OsPackage, words.map(str.lower), st.none() | versions)
requests = st.builds(
    CreateImage,
    names,
    st.none() | st.builds(Reference, names, st.none() | versions),
    st.lists(requirements, max_size=6, unique_by=lambda each: each.name.lower().replace("_", "-")).map(tuple),
    st.lists(os_packages, max_size=6, unique_by=lambda each: each.name).map(tuple),
)


@given(requests, st.sampled_from([",", ", ", " , ", "  ,"]), st.sampled_from(["", " "]))
def test_a_form_means_what_the_line_made_of_it_means(wanted: CreateImage, comma: str, around: str) -> None:
    fields = {
        "name": f"{around}{wanted.name}{around}",
        "dependencies": comma.join(map(str, wanted.dependencies)),
        "packages": comma.join(map(str, wanted.packages)),
        "base": str(wanted.base or ""),
    }

    assert read_form(fields) == wanted
    assert parse(line_of(wanted).removeprefix("/docker_image_create")) == wanted


any_field = st.one_of(
    st.text(max_size=30), st.lists(st.sampled_from([*" ,=\"'`<>[]{}&;", "base", "a", "1"])).map("".join)
)


@given(st.dictionaries(st.sampled_from(["name", "dependencies", "packages", "base"]), any_field))
def test_whatever_is_filled_in_has_a_fault_or_means_the_same_as_its_line(fields: dict[str, str]) -> None:
    match read(fields):
        case CreateImage() as wanted:
            assert parse(line_of(wanted).removeprefix("/docker_image_create")) == wanted
        case FormError(faults=faults):
            assert set(faults) <= {"name", "dependencies", "packages", "base"}
            assert faults
            assert all(faults.values())


def read(fields: dict[str, str]) -> CreateImage | FormError:
    try:
        return read_form(fields)
    except FormError as error:
        return error


@pytest.mark.parametrize(
    ("fields", "at", "said"),
    [
        ({}, "name", "`name` is missing"),
        ({"name": "a packages=wget"}, "name", "`packages=` starts another argument"),
        ({"name": "a", "packages": "wget, base=1"}, "packages", "`base=` starts another argument"),
        ({"name": "a", "packages": "wget name=1"}, "packages", "`name=` starts another argument"),
        ({"name": "a", "dependencies": "git+https://example.com/x.git"}, "dependencies", "is a URL"),
        ({"name": "a", "base": "BASE HERE"}, "base", "holds a placeholder"),
        ({"name": "a", "packages": "{PACKAGES}"}, "packages", "is a placeholder"),
    ],
)
def test_a_fault_stands_at_its_field(fields: dict[str, str], at: str, said: str) -> None:
    with pytest.raises(FormError) as raised:
        read_form(fields)

    assert list(raised.value.faults) == [at]
    assert said in raised.value.faults[at]


def test_what_is_tolerated_in_a_line_is_tolerated_in_a_field() -> None:
    fields = {"name": "`a`", "dependencies": "“requests>=2” ldap3", "packages": "wget curl"}

    assert line_of(read_form(fields)) == "/docker_image_create name=a dependencies=requests>=2,ldap3 packages=wget,curl"


def test_the_fields_of_a_specification_are_faultless_and_mean_the_same() -> None:
    wanted = CreateImage(SPEC.name, SPEC.base.reference, SPEC.requirements, SPEC.os_packages)

    assert read_form(fields_of(SPEC)) == wanted


def test_the_longest_line_that_can_be_typed_can_be_edited() -> None:
    wanted = ",".join(f"p{number}" for number in range(200)) + ",x" + "y" * 800
    line = f"/docker_image_create name=a dependencies={','.join(wanted.split(',')[2:])} base=b"
    request = parse(line.removeprefix("/docker_image_create"))
    fields = {"name": "a", "dependencies": ", ".join(map(str, request.dependencies)), "base": "b"}

    assert len(fields["dependencies"]) <= 3_000
    assert line_of(read_form(fields)) == line


def sent(**blocks: object) -> FormSent:
    """Make a form that comes back with these states of its inputs."""
    values = {block: {"value": state} for block, state in blocks.items()}
    return FormSent.model_validate({"user": {"id": "U0BOB"}, "view": {"state": {"values": values}}})


def test_an_empty_field_is_no_argument() -> None:
    empty = sent(
        name={"value": " a "},
        packages={"value": None},
        dependencies={"value": "  "},
        local_base={"selected_option": None},
    )

    assert CREATE.arguments_of(empty) == {"name": "a"}


@pytest.mark.parametrize(
    ("typed", "picked", "ticked", "fields"),
    [
        ("", None, [], {}),
        ("a:1", None, [], {"image": "a:1"}),
        ("", "b:2", [], {"image": "b:2"}),
        ("a:1", "b:2", [], {"image": "a:1"}),
        ("", None, ["true"], {"all": "true"}),
        ("a:1", None, ["true"], {"image": "a:1", "all": "true"}),
    ],
)
def test_an_update_is_of_what_was_typed_or_picked_or_of_all(
    typed: str, picked: str | None, ticked: list[str], fields: dict[str, str]
) -> None:
    form = sent(
        image={"value": typed},
        local_image={"selected_option": picked and {"value": picked}},
        all={"selected_options": [{"value": value} for value in ticked]},
    )

    assert UPDATE.arguments_of(form) == fields

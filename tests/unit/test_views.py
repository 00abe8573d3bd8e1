import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from bot.dialogs.progress import Progress, Step, StepState
from bot.dialogs.stages import (
    FINAL,
    WORKING,
    Answered,
    Asked,
    Attachment,
    Cancelled,
    Deciding,
    Dialog,
    DialogId,
    Discarded,
    Expired,
    Failed,
    Finished,
    Listed,
    Paused,
    Preparing,
    Queued,
    Running,
    Settling,
    Stopped,
    UnderReview,
    is_shown_only,
)
from bot.dialogs.transitions import troubled_stage
from bot.slack.views import Message, announcement, render
from bot.slack.views.amounts import age, duration, moment, ordinal, size
from bot.slack.views.buttons import ShowFile
from bot.slack.views.create.files import dockerfile_file, packages_file
from bot.slack.views.kinds import BY_ACTION
from bot.slack.views.parts import Block
from bot.slack.views.text import code, copyable, escape, log_block, mention, plain, prose, several, visible
from commands.command import (
    Creation,
    ExistingImage,
    Finding,
    ImageCreated,
    ImageReused,
    ImageUndecided,
    Refusal,
    Severity,
)
from commands.errors import StateUnwritable
from commands.model.images import (
    BaseImage,
    Digest,
    ImageId,
    ImageSpec,
    LocalImage,
    PackageManager,
    Platform,
    PythonRuntime,
)
from commands.model.outcomes import Created, ImportFailure, Undecided
from commands.model.packages import LockedPackage, OsPackage, PythonRequirement
from commands.model.references import Reference
from tests.fakes.files import a_wheel
from tests.kit import examples
from tests.kit.build_specs import a_package

NOW = datetime(2026, 11, 23, 19, 50, tzinfo=UTC)
LINE = "/docker_image_create name=example_name dependencies=mechanize packages=wget"
ASKED = Asked(DialogId("d-1"), examples.REQUEST, "/docker_image_create", LINE, "U0ALICE", "C0WARROOM", NOW)
PLATFORM = Platform("linux", "amd64")
BASE = BaseImage(
    reference=Reference("demisto/python3-deb", "3.12.13.11694875"),
    image_id=ImageId("sha256:" + "ab" * 32),
    digest=Digest("sha256:" + "4f5a0a6c" * 8),
    python=PythonRuntime("3.12.13", "/usr/local/bin/python3", "glibc", "2.36"),
    package_manager=PackageManager.APT,
    user="",
    platform=PLATFORM,
    layers=(),
)
LOCKED = tuple(
    LockedPackage(name, version, a_wheel(name, version), requested=name == "mechanize")
    for name, version in (("html5lib", "1.1"), ("mechanize", "0.4.10"), ("six", "1.17.0"), ("webencodings", "0.5.1"))
)
SPEC = ImageSpec(
    name="example_name",
    tag="1.0.0.1763925000",
    base=BASE,
    requirements=(PythonRequirement("mechanize"),),
    locked=LOCKED,
    os_packages=(OsPackage("wget"),),
)
PROPOSAL = Creation("Create `example_name`?", SPEC, "FROM demisto/python3-deb\nRUN true\n")
IMAGE = LocalImage(
    id=ImageId("sha256:9c1e6b20d7f3" + "a" * 52),
    repo_tags=("example_name:1.0.0.1763925000",),
    repo_digests=(),
    created=NOW - timedelta(seconds=3),
    size=241_300_000,
    labels={},
    user="",
    platform=PLATFORM,
    layers=(),
)
EXISTING = ExistingImage("example_name:1.0.0.1763900000", replace(IMAGE, created=NOW - timedelta(hours=3)))
OFFERED = replace(PROPOSAL, existing=EXISTING)
FAILURES = (ImportFailure("opencv-python", "cv2", "ImportError: libGL.so.1: cannot open shared object file"),)
CREATED = Created(SPEC.reference, IMAGE, 12_300_000)
LATER = NOW + timedelta(minutes=30)

BEGUN = Progress(
    NOW - timedelta(seconds=14),
    (
        Step("Base demisto/python3-deb", StepState.CACHED, seconds=0.0),
        Step("OS packages: wget", StepState.DONE, NOW, 5.14),
        Step("Python packages: 4", StepState.RUNNING, NOW - timedelta(seconds=2.3)),
        Step("Check the result"),
    ),
    "Collecting mechanize\x1b[0m",
)
ENDED = Progress(
    BEGUN.started,
    (
        *BEGUN.steps[:2],
        Step("Python packages: 4", StepState.DONE, NOW, 2.9),
        Step("Check the result", StepState.DONE, NOW, 1.2),
    ),
)
BROKEN = Progress(BEGUN.started, (BEGUN.steps[0], Step("OS packages: wget", StepState.FAILED, NOW, 6.4)))

EVERY_KIND: tuple[Dialog, ...] = (
    Preparing(ASKED, "Resolving 1 Python package"),
    UnderReview(ASKED, PROPOSAL, LATER),
    Queued(ASKED, PROPOSAL, "U0BOB", 3),
    Running(ASKED, PROPOSAL, "U0BOB", BEGUN),
    Paused(ASKED, PROPOSAL, "U0BOB"),
    Deciding(ASKED, "U0BOB", ImageUndecided(PROPOSAL, Undecided(IMAGE.id, FAILURES)), ENDED, LATER),
    Settling(ASKED, "U0BOB", ImageUndecided(PROPOSAL, Undecided(IMAGE.id, FAILURES)), keep=True, progress=ENDED),
    Finished(ASKED, "U0BOB", ImageCreated(PROPOSAL, CREATED), ENDED, NOW),
    Finished(ASKED, "U0BOB", ImageReused(OFFERED, EXISTING), None, NOW),
    Answered(ASKED, Refusal("Check the command", "`A` is no name", "Paste this instead:", ("/x name=a",))),
    Failed(ASKED, "The daemon does not answer.", "Start it, then type the command again."),
    Cancelled(ASKED, "U0BOB"),
    Expired(ASKED, 1800.0),
    Stopped(ASKED, PROPOSAL, "U0BOB", BEGUN),
    Discarded(ASKED, "U0BOB", PROPOSAL),
    *(each for each in examples.EVERY_KIND if isinstance(each, Finished | Answered | Listed)),
)
IDS = [type(dialog).__name__ for dialog in EVERY_KIND]


# ── Reading a message ───────────────────────────────────────────────────────────────────────────────────────────────


def header(text: str) -> Block:
    return {"type": "header", "block_id": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def section(block_id: str, text: str) -> Block:
    return {"type": "section", "block_id": block_id, "text": mrkdwn(text)}


def context(*texts: str) -> Block:
    return {"type": "context", "block_id": "context", "elements": [mrkdwn(text) for text in (f"`{LINE}`", *texts)]}


def button(action_id: str, label: str, style: str | None = None) -> Block:
    made: Block = {
        "type": "button",
        "action_id": action_id,
        "text": {"type": "plain_text", "text": label, "emoji": False},
        "value": "d-1",
    }
    return made if style is None else made | {"style": style}


def actions(*buttons: Block) -> Block:
    return {"type": "actions", "block_id": "actions", "elements": list(buttons)}


def texts(message: Message) -> str:
    """Collect all texts of a message, in reading order."""
    return "\n".join(_texts(list(message.blocks)))


def _texts(piece: object) -> list[str]:
    match piece:
        case {"text": str(text)}:
            return [text]
        case dict():
            return [text for value in piece.values() for text in _texts(value)]
        case list():
            return [text for value in piece for text in _texts(value)]
        case _:
            return []


def offered(message: Message) -> list[str]:
    """Name the buttons of a message by their action ids."""
    return re.findall(r"'action_id': '(\w+)'", str(message.blocks))


# ── Whole dialogs ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_review_shows_exactly_what_would_be_made() -> None:
    assert render(UnderReview(ASKED, PROPOSAL, LATER), NOW) == Message(
        text="Create example_name? · expires at 20:20 UTC",
        blocks=(
            header("Create example_name?"),
            section(
                "summary",
                "*Image:* `example_name:1.0.0.1763925000`\n"
                "*Base:* `demisto/python3-deb:3.12.13.11694875` · `4f5a0a6c4f5a` · Python 3.12.13 · linux/amd64\n"
                "*Python packages:* `mechanize 0.4.10` + 3 dependencies\n"
                "*OS packages:* `wget`",
            ),
            context(
                "Requested by <@U0ALICE> · 2026-11-23 19:50 UTC",
                "Expires at 20:20 UTC",
            ),
            actions(
                button("create", "Create image", "primary"),
                button("cancel", "Cancel"),
                button("edit", "Edit"),
                button("show_dockerfile", "Dockerfile"),
                button("show_packages", "Packages"),
            ),
        ),
    )


def test_a_result_shows_the_image_with_the_columns_of_docker_images_and_the_line_to_copy() -> None:
    assert render(Finished(ASKED, "U0BOB", ImageCreated(PROPOSAL, CREATED), ENDED, NOW), NOW) == Message(
        text="✓ example_name is ready · example_name:1.0.0.1763925000",
        blocks=(
            header("✓ example_name is ready"),
            section("dockerimage", "```\ndockerimage: example_name:1.0.0.1763925000\n```"),
            {
                "type": "section",
                "block_id": "image",
                "fields": [
                    mrkdwn("*ID*\n`9c1e6b20d7f3`"),
                    mrkdwn("*Repository*\n`example_name`"),
                    mrkdwn("*Size*\n241MB"),
                    mrkdwn("*Tag*\n`1.0.0.1763925000`"),
                    mrkdwn("*Created Time*\n2026-11-23 19:49 UTC"),
                    mrkdwn("*Created Since*\n3 seconds ago"),
                ],
            },
            section(
                "added",
                "*Base:* `demisto/python3-deb:3.12.13.11694875` · `4f5a0a6c4f5a` · Python 3.12.13 · linux/amd64\n"
                "*Python packages:* `mechanize 0.4.10` + 3 dependencies\n"
                "*OS packages:* `wget`\n"
                "*Added:* 12.3MB on top of the base\n"
                "*Took:* 14 s · Base demisto/python3-deb (cached), OS packages: wget (5.1 s), "
                "Python packages: 4 (2.9 s), Check the result (1.2 s)",
            ),
            context("Requested by <@U0ALICE> · 2026-11-23 19:50 UTC · confirmed by <@U0BOB>"),
            actions(button("log", "Log"), button("packages", "Packages")),
        ),
    )


def test_a_failure_shows_the_step_the_decisive_lines_and_what_to_do() -> None:
    failed = Failed(
        ASKED,
        "`wgett` could not be installed.",
        "Check its name, then type the command again.",
        ("Reading package lists...", "E: Unable to locate package \x1b[31mwgett\x1b[0m"),
        PROPOSAL,
        BROKEN,
    )

    assert render(failed, NOW) == Message(
        text="✗ example_name was not created · 'wgett' could not be installed. "
        "Check its name, then type the command again.",
        blocks=(
            header("✗ example_name was not created"),
            section(
                "problem", "`wgett` could not be installed.\nStep 2 of 2, *OS packages: wget*, failed after 6.4 s."
            ),
            section("details", "```\nReading package lists...\nE: Unable to locate package wgett\n```"),
            section("hint", "*What to do:* Check its name, then type the command again."),
            context("Requested by <@U0ALICE> · 2026-11-23 19:50 UTC"),
            actions(button("log", "Log")),
        ),
    )


def test_progress_shows_a_bar_the_steps_the_last_line_and_the_time() -> None:
    assert render(Running(ASKED, PROPOSAL, "U0ALICE", BEGUN), NOW) == Message(
        text="Creating example_name · 2 of 4 steps done · Python packages: 4",
        blocks=(
            header("Creating example_name"),
            section(
                "progress",
                "▰▰▱▱ 2/4 · 14 s\n"
                "↺ Base demisto/python3-deb · cached\n"
                "✓ OS packages: wget · 5.1 s\n"
                "▸ *Python packages: 4* · 2.3 s\n"
                "· Check the result",
            ),
            section("last_line", "`Collecting mechanize`"),
            context("Requested and confirmed by <@U0ALICE> · 2026-11-23 19:50 UTC"),
            actions(button("stop", "Stop", "danger")),
        ),
    )


# ── Review ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_identical_image_is_offered_before_building() -> None:
    message = render(UnderReview(ASKED, OFFERED, LATER), NOW)

    assert "*Identical image:* `example_name:1.0.0.1763900000` · 241MB · created" in texts(message)
    assert "(3 hours ago)" in texts(message)
    assert offered(message) == ["reuse", "build_anyway", "cancel", "edit", "show_dockerfile", "show_packages"]


def test_a_review_of_nothing_says_that_the_result_equals_the_base() -> None:
    bare = replace(PROPOSAL, spec=replace(SPEC, requirements=(), locked=(), os_packages=()))
    message = render(UnderReview(ASKED, bare, LATER), NOW)

    assert "*Nothing added:* without `dependencies` and `packages` the image equals" in texts(message)
    assert offered(message) == ["create", "cancel", "edit", "show_dockerfile"]


def test_a_review_shows_findings_by_their_weight() -> None:
    findings = (
        Finding("age", Severity.NOTE, "The base is old."),
        Finding("licence", Severity.WARNING, "`x` has no licence."),
    )
    message = render(UnderReview(ASKED, replace(PROPOSAL, findings=findings), LATER), NOW)

    assert "*Note:* The base is old.\n⚠ *Warning:* `x` has no licence." in texts(message)


def test_a_base_that_was_given_by_digest_is_shown_with_twelve_digits() -> None:
    base = replace(BASE, reference=Reference("demisto/python3-deb", digest="sha256:" + "4f5a0a6c" * 8))
    message = render(UnderReview(ASKED, replace(PROPOSAL, spec=replace(SPEC, base=base)), LATER), NOW)

    assert "*Base:* `demisto/python3-deb` · `4f5a0a6c4f5a` ·" in texts(message)


def test_of_many_packages_the_first_are_named_and_the_rest_counted() -> None:
    many = tuple(a_package(f"package-{n:03}") for n in range(300))
    message = render(UnderReview(ASKED, replace(PROPOSAL, spec=replace(SPEC, locked=many)), LATER), NOW)

    assert re.search(r"\*Python packages:\* `package-000 1.0`, `package-001 1.0`, .* and \d{3} more\n", texts(message))


# ── Progress ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_of_thousands_of_steps_those_around_the_running_one_are_shown() -> None:
    steps = [Step(f"step {n}", StepState.DONE, NOW, 1.0) for n in range(1, 4001)]
    steps += [Step("step 4001", StepState.RUNNING, NOW), *(Step(f"step {n}") for n in range(4002, 5001))]
    shown = texts(render(Running(ASKED, PROPOSAL, "U0BOB", Progress(NOW, tuple(steps))), NOW)).splitlines()

    assert shown[1] == "▰▰▰▰▰▰▰▰▱▱ 4000/5000 · 0.0 s"
    assert shown[2] == "✓ 3,996 more done"
    assert shown[7] == "▸ *step 4001* · 0.0 s"
    assert shown[15] == "· 992 more to come"


def test_a_job_that_waits_for_docker_says_so_and_can_be_stopped() -> None:
    message = render(Running(ASKED, PROPOSAL, "U0BOB", BEGUN, waits="No Docker daemon answers."), NOW)

    assert "Waiting for Docker" in texts(message)
    assert "No Docker daemon answers. The job goes on by itself once the daemon is back." in texts(message).replace(
        "\n", " "
    )
    assert message.text.endswith("waiting for Docker")
    assert offered(message) == ["stop"]


def test_a_build_that_is_being_stopped_says_who_asked_and_offers_no_second_stop() -> None:
    message = render(Running(ASKED, PROPOSAL, "U0BOB", BEGUN, stopping_by="U0CAROL"), NOW)

    assert "Stopping, requested by <@U0CAROL>." in texts(message)
    assert offered(message) == []


def test_a_progress_bar_that_redraws_itself_is_shown_as_it_stands() -> None:
    progress = replace(BEGUN, last_line="10%\r50%\r100%\r")

    assert "`100%`" in texts(render(Running(ASKED, PROPOSAL, "U0BOB", progress), NOW))


@pytest.mark.parametrize(("position", "words"), [(1, "next in line"), (2, "2nd in line"), (13, "13th in line")])
def test_a_queued_build_shows_its_place(position: int, words: str) -> None:
    message = render(Queued(ASKED, PROPOSAL, "U0BOB", position), NOW)

    assert f"In the queue: *{words}*." in texts(message)
    assert offered(message) == ["stop"]


# ── Ends ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_decision_shows_what_does_not_import_and_asks_before_it_discards() -> None:
    message = render(
        Deciding(ASKED, "U0BOB", ImageUndecided(PROPOSAL, Undecided(IMAGE.id, FAILURES)), ENDED, LATER), NOW
    )

    assert "• `cv2` of `opencv-python`: `ImportError: libGL.so.1: cannot open shared object file`" in texts(message)
    assert "Without a decision it is removed at 20:20 UTC." in texts(message)
    assert offered(message) == ["keep", "discard", "log", "packages"]
    assert [
        element["action_id"] for block in message.blocks for element in _buttons(block) if "confirm" in element
    ] == ["discard"]


def _buttons(block: Block) -> list[Block]:
    elements = block.get("elements")
    return [e for e in elements if e["type"] == "button"] if isinstance(elements, list) else []


def test_an_image_that_was_kept_says_what_does_not_import_and_counts_no_waiting() -> None:
    kept = Finished(ASKED, "U0BOB", ImageCreated(PROPOSAL, replace(CREATED, import_failures=FAILURES)), ENDED, LATER)
    message = render(kept, LATER)

    assert message.text.startswith("⚠ example_name is ready, but some modules do not import")
    assert "*Kept although these modules do not import:*\n• `cv2` of `opencv-python`" in texts(message)
    assert "*Took:* 9.2 s ·" in texts(message)


def test_a_reused_image_says_that_nothing_was_built() -> None:
    message = render(Finished(ASKED, "U0BOB", ImageReused(OFFERED, EXISTING), None, NOW), NOW)

    assert "```\ndockerimage: example_name:1.0.0.1763900000\n```\nNothing was built" in texts(message)
    assert "Took" not in texts(message)
    assert offered(message) == ["packages"]


def test_the_port_of_a_registry_is_no_tag() -> None:
    created = replace(CREATED, reference="registry:5000/demo/x:1.0.0.7")
    message = render(Finished(ASKED, "U0BOB", ImageCreated(PROPOSAL, created), ENDED, NOW), NOW)

    assert "*Repository*\n`registry:5000/demo/x`" in texts(message)
    assert "*Tag*\n`1.0.0.7`" in texts(message)


def test_a_refusal_offers_no_buttons_and_a_line_to_paste_behind_the_hint() -> None:
    digest = "a" * 64
    line = f"/docker_image_create name=a base=x@sha256:{digest}"
    refusal = Refusal("Check the command", "`Demo/A` is not a name", "Paste this instead:", (line,))
    message = render(Answered(ASKED, refusal), NOW)

    assert f"`Demo/A` is not a name\n*What to do:* Paste this instead:\n```\n{line}\n```" in texts(message)
    assert offered(message) == []


def test_a_failure_before_the_start_has_no_log() -> None:
    assert offered(render(Failed(ASKED, "No.", "Start it."), NOW)) == []


def test_a_failure_without_advice_still_says_what_to_do() -> None:
    assert "*What to do:* Type the command again." in texts(render(Failed(ASKED, "No.", " "), NOW))


@pytest.mark.parametrize(
    ("dialog", "sentence"),
    [
        (Cancelled(ASKED, "U0BOB"), "Cancelled by <@U0BOB>. Nothing was built."),
        (Expired(ASKED, 1800.0), "No decision within 30 min. Nothing was built."),
        (Stopped(ASKED, PROPOSAL, "U0BOB", BEGUN), "Stopped by <@U0BOB> after 2 of 4 steps. No image was created"),
        (Stopped(ASKED, PROPOSAL, "U0BOB", None), "Stopped by <@U0BOB> before it started. No image was created"),
        (Discarded(ASKED, "U0BOB", PROPOSAL), "Discarded by <@U0BOB>. The image was removed."),
        (Discarded(ASKED, None, PROPOSAL), "No decision was made in time, so the image was removed."),
    ],
)
def test_every_end_without_an_image_says_why_and_how_to_go_on(dialog: Dialog, sentence: str) -> None:
    shown = texts(render(dialog, NOW))

    assert sentence in shown
    assert "type the command again" in shown


WHILE_WORKING = [each for each in EVERY_KIND if isinstance(each, WORKING)]


@pytest.mark.parametrize("dialog", WHILE_WORKING, ids=lambda dialog: type(dialog).__name__)
def test_while_the_state_cannot_be_stored_no_end_is_claimed_and_no_button_offered(dialog: Dialog) -> None:
    troubled = troubled_stage(dialog, StateUnwritable("The disk is full.", hint="Free some space."))
    assert troubled is not None
    shown = render(troubled, NOW)

    told = texts(shown)
    assert "The disk is full." in told
    assert "Free some space." in told
    assert "It tries again until it can" in told
    assert not re.search(
        "not created|not updated|failed|was stopped|type the command again", f"{told}{shown.text}", re.IGNORECASE
    )
    assert not offered(shown)
    assert announcement(troubled) is None


# ── All kinds ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=IDS)
def test_every_dialog_shows_the_typed_line_and_who_asked(dialog: Dialog) -> None:
    shown = texts(render(dialog, NOW))

    assert f"`{LINE}`" in shown
    assert "<@U0ALICE>" in shown


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=IDS)
def test_every_stage_is_among_them(dialog: Dialog) -> None:
    assert {type(each) for each in EVERY_KIND} == set(get_args(Dialog))
    assert render(dialog, NOW).blocks[0]["type"] == "header"


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=IDS)
def test_every_button_carries_the_dialogs_id_and_a_known_action(dialog: Dialog) -> None:
    buttons = [button for block in render(dialog, NOW).blocks for button in _buttons(block)]

    assert {button["value"] for button in buttons} <= {"d-1"}
    assert {button["action_id"] for button in buttons} <= set(BY_ACTION)


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=IDS)
def test_only_an_end_or_a_question_is_announced_and_mentions_who_asked(dialog: Dialog) -> None:
    said = announcement(dialog)

    assert (said is not None) == (isinstance(dialog, (*FINAL, Deciding)) and not is_shown_only(dialog))
    assert said is None or (said.startswith("<@U0ALICE> ") and "\n" not in said)


def test_a_result_is_announced_by_its_reference() -> None:
    done = Finished(ASKED, "U0BOB", ImageCreated(PROPOSAL, CREATED), ENDED, NOW)

    assert announcement(done) == "<@U0ALICE> `example_name:1.0.0.1763925000` is ready."


# ── Files ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_file_of_packages_tells_what_was_asked_for_from_what_comes_along() -> None:
    assert packages_file(PROPOSAL) == (
        "example_name:1.0.0.1763925000\n"
        "on demisto/python3-deb:3.12.13.11694875 (4f5a0a6c4f5a), Python 3.12.13\n\n"
        "Requested Python packages: 1\n  mechanize 0.4.10\n\n"
        "Dependencies: 3\n  html5lib 1.1\n  six 1.17.0\n  webencodings 0.5.1\n\n"
        "OS packages: 1\n  wget\n"
    )


def test_the_file_of_the_dockerfile_is_what_is_built() -> None:
    assert dockerfile_file(PROPOSAL) == "FROM demisto/python3-deb\nRUN true\n"


def file_of(action: str, dialog: Dialog) -> Attachment | None:
    does = BY_ACTION[action].does
    assert isinstance(does, ShowFile)
    return does.file(dialog)


@pytest.mark.parametrize(
    ("action", "name"),
    [("show_packages", "packages.txt"), ("packages", "packages.txt"), ("show_dockerfile", "Dockerfile")],
)
def test_a_button_that_shows_something_has_a_file(action: str, name: str) -> None:
    file = file_of(action, UnderReview(ASKED, PROPOSAL, LATER))

    assert file is not None
    assert file.name == name
    assert file.title.endswith("of example_name:1.0.0.1763925000")


@pytest.mark.parametrize("action", ["show_packages", "packages", "show_dockerfile"])
@pytest.mark.parametrize("dialog", [Expired(ASKED, 1.0), Failed(ASKED, "", "")], ids=["expired", "failed"])
def test_there_is_no_file_where_there_is_nothing_to_show(action: str, dialog: Dialog) -> None:
    assert file_of(action, dialog) is None


# ── Words ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        ("10%\r100%\r", "100%"),
        ("one\r\ntwo", "one\ntwo"),
        ("a\u202eb\u200bc\ufeffd\x00e\ud800f", "abcdef"),
        ("a\tb", "a b"),
    ],
)
def test_only_what_a_reader_would_see_is_left(raw: str, shown: str) -> None:
    assert visible(raw) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("<!channel> & <@U1>", "&lt;!channel&gt; &amp; &lt;@U1&gt;"),
        ("`a` and b", "`a` and b"),
        ("an open ` tick", "an open ' tick"),
        ("```\nfence", "'''\nfence"),
        ("` `", "''"),
        ("`a<b`", "`a&lt;b`"),
        ("", "–"),
        ("digest sha256:" + "0123456789ab" + "c" * 52, "digest sha256:0123456789ab…"),
    ],
)
def test_prose_keeps_quotes_and_nothing_else(raw: str, shown: str) -> None:
    assert prose(raw, 200) == shown


def test_code_cannot_be_left() -> None:
    assert code("a`b <c>\nd", 100) == "`a'b &lt;c&gt; d`"
    assert copyable("a ``` b", 100) == "```\na ''' b\n```"
    assert log_block(["a ``` b", "`c`"], limit=100, line_limit=50) == "```\na ''' b\n`c`\n```"


def test_of_a_long_log_the_last_lines_stay() -> None:
    assert (
        log_block([f"line {n}" for n in range(100)], limit=30, line_limit=50)
        == "```\n…\nline 97\nline 98\nline 99\n```"
    )


def test_a_cut_is_visible_and_never_inside_an_entity() -> None:
    assert escape("<<<<<<<<<<", 18) == "&lt;&lt;&lt;…"
    assert plain("`abcdefghijkl`", 10) == "abcd…"


def test_only_slack_ids_are_mentioned() -> None:
    assert mention("U0ALICE") == "<@U0ALICE>"
    assert mention("U0> <!here") == "`U0&gt; &lt;!here`"


def test_what_does_not_fit_into_a_list_is_counted() -> None:
    def listed(names: str, limit: int) -> str:
        return several(names, limit, lambda name: code(name, 20))

    assert listed("abcd", 100) == "`a`, `b`, `c`, `d`"
    assert listed("abcd", 11) == "`a`, `b` and 2 more"
    assert listed("abcd", 1) == "4"
    assert listed("", 1) == "–"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (-1, "0B"),
        (999, "999B"),
        (1000, "1kB"),
        (5_640, "5.64kB"),
        (241_300_000, "241MB"),
        (999_700_000, "1GB"),
        (1_020_000_000, "1.02GB"),
        (3 * 10**15, "3000TB"),
    ],
)
def test_sizes_are_written_as_docker_does(count: int, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3.0, "0.0 s"),
        (8.44, "8.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (130.0, "2 min 10 s"),
        (3599.7, "1 h"),
        (3900.0, "1 h 5 min"),
        (float("nan"), "an unknown time"),
        (float("inf"), "an unknown time"),
    ],
)
def test_durations_are_short(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=-5), "Less than a second ago"),
        (timedelta(seconds=1), "1 second ago"),
        (timedelta(seconds=59), "59 seconds ago"),
        (timedelta(seconds=61), "About a minute ago"),
        (timedelta(minutes=3), "3 minutes ago"),
        (timedelta(hours=1), "About an hour ago"),
        (timedelta(hours=47), "47 hours ago"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(days=14), "2 weeks ago"),
        (timedelta(days=60), "2 months ago"),
        (timedelta(days=800), "2 years ago"),
    ],
)
def test_ages_are_written_as_docker_does(ago: timedelta, words: str) -> None:
    assert age(NOW - ago, NOW) == words


def test_times_are_in_utc_wherever_they_come_from() -> None:
    assert moment(datetime.fromisoformat("2026-11-23T21:50:00+02:00")) == "2026-11-23 19:50 UTC"
    assert moment(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01 00:00 UTC"


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (112, "112th"), (1021, "1,021st")],
)
def test_places_are_counted(number: int, words: str) -> None:
    assert ordinal(number) == words

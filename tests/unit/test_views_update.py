"""Updates, roll backs and removals as people read them."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.dialogs.progress import Progress, Step, StepState
from bot.dialogs.stages import (
    Answered,
    Attachment,
    Cancelled,
    Dialog,
    Expired,
    Failed,
    Finished,
    Paused,
    Queued,
    Running,
    Stopped,
    UnderReview,
)
from bot.slack.views import Message, announcement, render
from bot.slack.views.buttons import Begin, ShowFile
from bot.slack.views.kinds import BY_ACTION
from bot.slack.views.steps import transfer_text
from commands.actions import Request
from commands.command import Candidate, ImageRemoved, ImagesUpdated, NothingToDo, Pull, Refusal, TagsRolledBack, Users
from commands.model.outcomes import Ending, ImageResult, MoveResult, Removed, RolledBack, Updated
from commands.model.packages import Change, Difference, PackageChanges
from commands.model.references import Reference
from commands.model.requests import ListImages, LookAtImage, RemoveImage, RollBackImage, UndoUpdate, UpdateImages
from tests.kit.examples import (
    ALICE,
    ASKED,
    BOB,
    DIFFERENCE,
    FAIL_RESULT,
    KEEP_RESULT,
    KEPT,
    KEPT_AS,
    LATER,
    LOST,
    MOVE,
    NEW_DIGEST,
    NOTHING_TO_DO,
    NOW,
    OLD,
    OTHER_MOVE,
    OWN,
    PROPOSAL,
    PULL_RESULT,
    PULLED,
    PULLING,
    PYTHON,
    REBUILD_RESULT,
    REMOVAL,
    ROLL_BACK,
    ROLLED_BACK,
    SOURCELESS,
    SPEC,
    STOP_RESULT,
    TOOL,
    TRANSFER,
    UNCHECKED,
    UPDATE,
    UPDATE_LINE,
)
from tests.kit.reading import menus, offered, rows, texts

ALL = replace(ASKED, request=UpdateImages(None), command="/docker_image_update", line=UPDATE_LINE)
SOME = Reference("a")
ONE = replace(UPDATE, title="Update demisto/python3:latest?", images=(PULLED,), findings=())


def shown(dialog: Dialog) -> Message:
    return render(dialog, NOW)


def updated(*results: ImageResult, stopped_by: str | None = None, notes: tuple[str, ...] = ()) -> Finished:
    return Finished(ALL, BOB, ImagesUpdated(UPDATE, Updated(results, notes)), PULLING, NOW, stopped_by)


def file_of(action: str, dialog: Dialog) -> Attachment | None:
    does = BY_ACTION[action].does
    assert isinstance(does, ShowFile)
    return does.file(dialog)


def begun(action: str, dialog: Dialog, choice: str = "") -> Request | None:
    does = BY_ACTION[action].does
    assert isinstance(does, Begin)
    return does.request(dialog, choice)


def title(dialog: Dialog) -> str:
    return texts(shown(dialog)).partition("\n")[0]


# ── The review ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_review_shows_what_would_change_first_and_counts_what_would_not() -> None:
    message = shown(UnderReview(ALL, UPDATE, LATER))

    assert rows(message) == [
        ["Image", "Local", "Registry", "What happens", "Used by"],
        [PYTHON, "4f5a0a6c4f5a", "77aa00bb11cc", "pull", "web (running), db (stopped), 2 images"],
        [TOOL, "9c1e6b20d7f3", "–", "rebuild: requests 2.31.0 → 2.32.3 and 2 more", "–"],
        ["registry.example/a:1", "4f5a0a6c4f5a", "–", "⚠ not checked", "–"],
    ]
    assert texts(message).splitlines()[1:8] == [
        "1 image has nothing to update from · 1 image is unchanged.",
        "⚠ Not checked: `registry.example/a:1`: `registry.example` does not answer. *What to do:* Try again later.",
        "*Note:* About 34MB are downloaded.",
        "Containers keep the image they were started from: none is stopped or restarted.",
        "Current images are kept as `before-…`, so you can roll back.",
        "Rebuilt images get a new tag; `latest` moves too if the bot owns it.",
        f"`{UPDATE_LINE}`",
    ]
    assert offered(message) == {"update": "Update 2 images", "cancel": "Cancel", "images": "All images"}


def test_a_review_of_one_image_shows_all_there_is() -> None:
    message = shown(UnderReview(ALL, ONE, LATER))

    assert offered(message) == {"update": "Update", "cancel": "Cancel"}
    assert "rebuilt" not in texts(message)


def test_of_hundreds_of_images_the_first_are_shown_and_the_others_are_in_the_file() -> None:
    many = tuple(replace(PULLED, name=f"image:{number}") for number in range(100))
    review = UnderReview(ALL, replace(UPDATE, images=(KEPT, *many)), LATER)
    file = file_of("images", review)

    assert len(rows(shown(review))) == 26
    assert "75 more would change · 1 image is unchanged." in texts(shown(review))
    assert "Update 100 images" in offered(shown(review)).values()
    assert file is not None
    assert isinstance(file.content, str)
    assert file.content.startswith("101 images, changes first\n\nimage:0\n")
    assert file.content.count("  pull\n") == 100


def test_a_pull_from_a_mirror_says_so() -> None:
    mirrored = replace(PULLED, plan=Pull(Reference("mirror.example/hub/demisto/python3", "latest"), NEW_DIGEST))

    assert rows(shown(UnderReview(ALL, replace(ONE, images=(mirrored,)), LATER)))[1][3] == "pull from mirror.example"


@pytest.mark.parametrize(
    ("users", "words"),
    [
        (Users(), "–"),
        (Users(images=("a:1",)), "1 image"),
        (Users(images=("a:1",), more_images=True), "at least 1 image"),
        (Users(more_images=True), "possibly more images"),
        (
            Users(("a", "b"), ("c", "d", "e")),
            "a (running), b (running), c (stopped), 2 more containers",
        ),
    ],
)
def test_who_uses_an_image_is_said_in_a_few_words(users: Users, words: str) -> None:
    review = UnderReview(ALL, replace(ONE, images=(replace(PULLED, users=users),)), LATER)

    assert rows(shown(review))[1][4] == words


# ── Nothing to do ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_where_nothing_is_to_be_done_that_is_said_first_and_there_are_no_buttons() -> None:
    message = shown(Answered(ALL, NOTHING_TO_DO))

    assert texts(message).splitlines()[:2] == ["Every image is up to date", "Nothing to do: everything is up to date."]
    assert [row[3] for row in rows(message)[1:]] == [
        "nothing to update from: it was loaded from a file",
        "unchanged: the registry has the same digest",
    ]
    assert offered(message) == {}


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ((), "Nothing to do: no images on this Docker host."),
        ((KEPT, SOURCELESS), "Nothing to do: everything is up to date."),
        ((SOURCELESS,), "Nothing to do: no image has an update source."),
        ((KEPT, UNCHECKED), "Nothing to do for the checked images; 1 of 2 could not be checked."),
        ((UNCHECKED,), "Nothing was changed: no image could be checked."),
    ],
)
def test_what_could_not_be_checked_is_never_called_up_to_date(images: tuple[Candidate, ...], sentence: str) -> None:
    dialog = Answered(ALL, NothingToDo("Nothing to update", images))

    assert texts(shown(dialog)).splitlines()[1] == sentence
    assert announcement(dialog) == f"<@{ALICE}> {sentence}"


def test_one_reason_for_many_images_is_one_line() -> None:
    images = tuple(replace(UNCHECKED, name=f"a:{number}") for number in range(3))
    message = shown(Answered(ALL, NothingToDo("Nothing to update", images)))

    assert "⚠ Not checked: `a:0`, `a:1`, `a:2`: `registry.example` does not answer." in texts(message)


def test_a_long_answer_has_all_images_in_a_file() -> None:
    dialog = Answered(ALL, NothingToDo("", tuple(replace(KEPT, name=f"a:{number}") for number in range(60))))
    file = file_of("images", dialog)

    assert offered(shown(dialog)) == {"images": "All images"}
    assert "35 images are unchanged." in texts(shown(dialog))
    assert file is not None
    assert isinstance(file.content, str)
    assert file.content.count("unchanged: the registry has the same digest") == 60


def test_the_file_tells_of_what_could_not_be_checked_and_what_to_do() -> None:
    file = file_of("images", Answered(ALL, NothingToDo("", (UNCHECKED,))))

    assert file is not None
    assert file.content == (
        "1 images, changes first\n\n"
        "registry.example/a:1\n"
        "  local: 4f5a0a6c4f5a of 2026-10-14, registry: –\n"
        "  ⚠ not checked: `registry.example` does not answer.\n"
        "  what to do: Try again later.\n"
        "  used by: –\n"
    )


# ── Progress ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_progress_has_a_line_for_each_image() -> None:
    message = shown(Running(ALL, UPDATE, BOB, PULLING))

    assert texts(message).splitlines()[:5] == [
        "Updating 2 images",
        "▱▱▱ 0/3 · 14 s",
        "▸ *demisto/python3:latest* · 5/9 layers · 34MB of 120MB · 4.2MB/s · about 20 s left",
        "▸ *example_name:latest* · 2.3 s · Resolving 3 Python packages",
        "· library/redis:7",
    ]
    assert offered(message) == {"stop": "Stop"}


def test_while_not_every_layer_is_sized_no_whole_and_no_time_are_claimed() -> None:
    assert transfer_text(replace(TRANSFER, all_sized=False), NOW) == "5/9 layers · 34MB · 4.2MB/s"
    assert transfer_text(replace(TRANSFER, rate=None), NOW) == "5/9 layers · 34MB of 120MB"
    # The last layer is being unpacked.
    assert transfer_text(replace(TRANSFER, bytes_done=120_000_000), NOW) == "5/9 layers · 120MB of 120MB"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "4.2MB/s · about 20 s left"),
        (6, "2.1MB/s · about 41 s left"),
        (12, "stalled for 12 s"),
        (130, "stalled for 2 min 10 s"),
    ],
)
def test_a_download_without_bytes_becomes_slower_and_then_stalls(seconds: float, told: str) -> None:
    now = NOW + timedelta(seconds=seconds)

    assert transfer_text(TRANSFER, now) == f"5/9 layers · 34MB of 120MB · {told}"


def test_of_a_hundred_images_those_under_way_are_shown_wherever_they_are() -> None:
    states = {3: StepState.RUNNING, 50: StepState.RUNNING, 7: StepState.FAILED}
    steps = tuple(
        Step(f"a:{number}", states.get(number, StepState.DONE if number < 50 else StepState.WAITING), NOW, 1.0)
        for number in range(100)
    )
    lines = texts(shown(Running(ALL, UPDATE, BOB, Progress(NOW, steps)))).splitlines()

    assert [line for line in lines if line.startswith("▸")] == ["▸ *a:3* · 0.0 s", "▸ *a:50* · 0.0 s"]
    assert [line for line in lines if "more" in line] == ["✓ 42 more done", "· 46 more to come"]
    assert len(lines) == len(("title", "bar", "before", "after", "line", "who", "stop")) + 12


def test_a_stop_says_what_is_being_stopped() -> None:
    assert title(Running(ALL, UPDATE, BOB, PULLING, stopping_by=ALICE)) == "Stopping the update of 2 images"
    assert title(Running(ALL, ONE, BOB, PULLING, stopping_by=ALICE)) == f"Stopping the update of {PYTHON}"


# ── The result ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ((PULL_RESULT,), "✓ demisto/python3:latest is updated"),
        ((REBUILD_RESULT,), "✓ example_name:latest is rebuilt"),
        ((PULL_RESULT, REBUILD_RESULT, KEEP_RESULT), "✓ 2 images updated"),
        ((REBUILD_RESULT, REBUILD_RESULT), "✓ 2 images rebuilt"),
        ((KEEP_RESULT,), "✓ Nothing to change"),
        ((FAIL_RESULT,), "✗ old/thing:1 was not updated"),
        ((FAIL_RESULT, FAIL_RESULT, KEEP_RESULT), "✗ None of 2 images was updated"),
        ((PULL_RESULT, FAIL_RESULT, REBUILD_RESULT), "⚠ 1 of 3 images was not updated"),
        ((PULL_RESULT, FAIL_RESULT, FAIL_RESULT), "⚠ 2 of 3 images were not updated"),
        ((PULL_RESULT, STOP_RESULT, STOP_RESULT), "Stopped after 1 of 3 images"),
        ((STOP_RESULT,), "Stopped after 0 of 1 image"),
    ],
)
def test_the_title_says_how_it_ended(results: tuple[ImageResult, ...], said: str) -> None:
    dialog = updated(*results, stopped_by=ALICE if STOP_RESULT in results else None)

    assert title(dialog) == said
    assert announcement(dialog) == f"<@{ALICE}> {said}."


def test_a_result_lists_every_image_with_what_did_not_work_first() -> None:
    message = shown(updated(PULL_RESULT, KEEP_RESULT, REBUILD_RESULT, FAIL_RESULT))

    assert rows(message) == [
        ["Image", "Result", "Digest", "Size", "Packages", "Created"],
        [LOST, "✗ failed", "4f5a0a6c4f5a", "120MB", "–", "2026-10-14"],
        [
            PYTHON,
            "✓ updated",
            "4f5a0a6c4f5a → 77aa00bb11cc",
            "122MB (+1.5MB)",
            "3 changed, 1 added, 1 removed",
            "2026-10-14 → 2026-11-22",
        ],
        [
            TOOL,
            "✓ rebuilt",
            "9c1e6b20d7f3 → 0d0d0d0d0d0d",
            "240MB (−1.2MB)",
            "3 changed, 1 added, 1 removed",
            "2026-11-11 → 2026-11-23",
        ],
        ["library/redis:7", "unchanged", "4f5a0a6c4f5a", "120MB", "–", "2026-10-14"],
    ]
    assert f"```\ndockerimage: {SPEC.reference}\n```" in texts(message)
    assert "✗ `old/thing:1`: The registry broke off the download. *What to do:* Type the command again." in texts(
        message
    )
    assert offered(message) == {"undo_update": "Roll back", "changes": "Changes", "log": "Log"}


def test_a_result_of_one_image_says_it_without_a_table() -> None:
    assert texts(shown(updated(PULL_RESULT, notes=("The mirror was slow.",)))).splitlines() == [
        "✓ demisto/python3:latest is updated",
        "*Before*",
        "`4f5a0a6c4f5a` of 2026-10-14",
        "*Now*",
        "`77aa00bb11cc` of 2026-11-22",
        "*Size*",
        "122MB (+1.5MB)",
        "*Packages*",
        "3 changed, 1 added, 1 removed",
        "*Python packages:* 1 changed: `requests 2.31.0 → 2.32.3` · 1 added: `idna 3.7` · 1 removed: `six 1.16.0`",
        "*OS packages:* 2 changed: `libssl3 3.0.11-1 → 3.0.15-1`, `wget 1.21.3-1 → 1.21.4-1`",
        "Layer 3 was too large to look into.",
        "*Still on the old image:* `web`, `db`. Recreate them to use the new one.",
        "*Kept for a roll back:* `demisto/python3:before-d-1`",
        "The mirror was slow.",
        "*Took:* 14 s",
        f"`{UPDATE_LINE}`",
        "Requested by <@U0ALICE> · 2026-11-23 19:50 UTC · confirmed by <@U0BOB>",
        "Roll back",
        "Changes",
        "Log",
    ]


def test_why_a_confirmed_image_was_left_as_it_is_is_said_and_nothing_of_those_that_the_review_left() -> None:
    brought = replace(PULL_RESULT, ending=Ending.UNCHANGED, after=None, reason="Another update brought it meanwhile.")
    said = texts(shown(updated(replace(brought, difference=None), KEEP_RESULT)))

    assert "✓ `demisto/python3:latest`: Another update brought it meanwhile." in said
    assert KEEP_RESULT.reason not in said


def test_a_result_that_was_stopped_says_by_whom_and_what_stays() -> None:
    message = shown(updated(PULL_RESULT, STOP_RESULT, stopped_by=ALICE))

    assert "Stopped by <@U0ALICE>. Images that were already updated stay updated." in texts(message)
    assert [row[1] for row in rows(message)] == ["Result", "stopped", "✓ updated"]


def test_where_nothing_was_kept_there_is_no_way_back() -> None:
    assert offered(shown(updated(FAIL_RESULT))) == {"log": "Log"}


def test_a_hundred_results_are_counted_where_they_are_not_shown() -> None:
    message = shown(updated(FAIL_RESULT, *(replace(KEEP_RESULT, name=f"a:{number}") for number in range(100))))

    assert len(rows(message)) == 26
    assert "Not shown: 76 unchanged." in texts(message)


@pytest.mark.parametrize(
    ("difference", "words", "line"),
    [
        (None, "not compared", ""),
        (Difference(0, PackageChanges(), PackageChanges()), "the same", "Packages: the same as before"),
        (
            Difference(0, PackageChanges(), None, ("Neither image has a package database.",)),
            "see below",
            "Neither image has a package database.",
        ),
        (Difference(0, PackageChanges(("a 1",)), None), "1 added", "*Python packages:* 1 added: `a 1`"),
    ],
)
def test_what_an_update_brought_is_said_honestly(difference: Difference | None, words: str, line: str) -> None:
    message = shown(updated(replace(PULL_RESULT, difference=difference)))

    assert f"*Packages*\n{words}\n{line}" in texts(message)


def test_of_many_changes_the_first_are_named_and_all_are_in_the_file() -> None:
    changes = tuple(Change(f"package-{number:03}", "1.0", "1.1") for number in range(300))
    dialog = updated(replace(PULL_RESULT, difference=replace(DIFFERENCE, python=PackageChanges(changed=changes))))
    file = file_of("changes", dialog)

    found = re.search(r"300 changed: `package-000 1.0 → 1.1`, .* and (\d+) more\n", texts(shown(dialog)))
    assert found is not None
    assert int(found[1]) > 200
    assert file is not None
    assert (file.kind, file.name, file.title) == ("changes", "changes.txt", "What changed")
    assert isinstance(file.content, str)
    assert file.content.startswith(
        f"What changed from {PYTHON} (4f5a0a6c4f5a of 2026-10-14) to {PYTHON} (77aa00bb11cc of 2026-11-22)\n"
    )
    assert file.content.count(" 1.0 → 1.1\n") == 300


def test_differences_of_many_images_are_named_by_image_and_counted() -> None:
    results = tuple(replace(PULL_RESULT, name=f"a:{number}") for number in range(9))
    dialog = updated(*results)
    file = file_of("changes", dialog)

    assert "*a:0*\n*Python packages:*" in texts(shown(dialog))
    assert "… and 3 images more: press *Changes*." in texts(shown(dialog))
    assert file is not None
    assert isinstance(file.content, str)
    assert file.content.count("What changed from") == 9


# ── Back and away ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_review_of_a_roll_back_shows_both_images_and_offers_earlier_ones() -> None:
    message = shown(UnderReview(ASKED, ROLL_BACK, LATER))

    assert texts(message).splitlines()[:7] == [
        "Roll back demisto/python3:latest?",
        "`demisto/python3:latest`",
        "*Now:* `77aa00bb11cc` · created 2026-11-22 19:50 UTC (24 hours ago) · 122MB",
        f"*Back to:* `4f5a0a6c4f5a` · created 2026-10-14 19:50 UTC (5 weeks ago) · 120MB · kept as `{KEPT_AS}`",
        "*Used by:* running: `web` · stopped: `db` · images built on it: `example_name:1.0.0.1763925000`, `other:1`",
        "Containers keep the image they were started from: none is stopped or restarted.",
        "The current image is kept, so you can undo this.",
    ]
    assert offered(message) == {"roll_back": "Roll back", "cancel": "Cancel"}
    assert menus(message) == {"roll_back_to": [("d-1 0", "1111aaaa2222 · 3 months ago · demisto/python3:before-d-0")]}


def test_without_another_earlier_image_there_is_no_menu() -> None:
    assert menus(shown(UnderReview(ASKED, replace(ROLL_BACK, others=()), LATER))) == {}


def test_a_name_whose_image_is_gone_can_go_back_too() -> None:
    moves = (replace(MOVE, present=None, users=Users()),)

    assert "*Now:* missing: its image was deleted\n" in texts(
        shown(UnderReview(ASKED, replace(ROLL_BACK, moves=moves), LATER))
    )


def test_of_many_names_the_first_are_shown() -> None:
    review = UnderReview(ASKED, replace(ROLL_BACK, moves=(replace(MOVE, users=Users()),) * 12), LATER)

    assert texts(shown(review)).count("*Used by:* no containers") == 8
    assert "… and 4 more" in texts(shown(review))


STUCK = MoveResult(LOST, OLD, problem="The earlier image is gone.")


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (ROLLED_BACK.results, "✓ demisto/python3:latest was rolled back"),
        ((STUCK,), "✗ demisto/python3:latest was not rolled back"),
        ((*ROLLED_BACK.results, STUCK), "⚠ 1 of 2 names was not rolled back"),
    ],
)
def test_a_roll_back_says_how_it_ended(results: tuple[MoveResult, ...], said: str) -> None:
    dialog = Finished(ASKED, BOB, TagsRolledBack(ROLL_BACK, RolledBack(results)), None, NOW)

    assert title(dialog) == said
    assert announcement(dialog) == f"<@{ALICE}> {said}."


def test_a_roll_back_says_what_each_name_is_now_and_who_goes_on_as_before() -> None:
    dialog = Finished(ASKED, BOB, TagsRolledBack(ROLL_BACK, RolledBack((*ROLLED_BACK.results, STUCK))), None, NOW)

    assert texts(shown(dialog)).splitlines()[1:4] == [
        f"✓ `{PYTHON}` is `4f5a0a6c4f5a` again. The previous image is kept as `demisto/python3:before-d-2`.",
        "✗ `old/thing:1` was not moved: The earlier image is gone.",
        "*Still on the old image:* `web`. Recreate it to use the new one.",
    ]


def test_a_review_of_a_removal_names_all_that_goes() -> None:
    message = shown(UnderReview(ASKED, REMOVAL, LATER))

    assert texts(message).splitlines()[1:4] == [
        "*Image:* `9c1e6b20d7f3` · created 2026-11-11 19:50 UTC (12 days ago) · 241MB",
        f"*Names:* `{SPEC.reference}`, `{TOOL}`",
        "This deletes both tags and cannot be undone. Layers shared with other images are kept.",
    ]
    assert offered(message) == {"remove": "Remove", "cancel": "Cancel"}


def test_a_removal_says_what_is_gone() -> None:
    named = Finished(ASKED, BOB, ImageRemoved(REMOVAL, Removed((SPEC.reference, TOOL), OWN.id)), None, NOW)
    nameless = Finished(ASKED, BOB, ImageRemoved(replace(REMOVAL, names=()), Removed((), OWN.id)), None, NOW)

    assert f"Image `9c1e6b20d7f3` was deleted with its names: `{SPEC.reference}`, `{TOOL}`." in texts(shown(named))
    assert "Image `9c1e6b20d7f3` was deleted; it had no name." in texts(shown(nameless))
    assert announcement(named) == f"<@{ALICE}> `{SPEC.reference}` was removed."


# ── The other stages ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("dialog", "said"),
    [
        (Queued(ALL, UPDATE, BOB, 2), "The update of 2 images is queued"),
        (Queued(ALL, ONE, BOB, 2), "The update of demisto/python3:latest is queued"),
        (Queued(ALL, PROPOSAL, BOB, 2), "example_name is queued"),
        (Running(ALL, ROLL_BACK, BOB, PULLING), "Rolling back demisto/python3:latest"),
        (Running(ALL, REMOVAL, BOB, PULLING), f"Removing {SPEC.reference}"),
        (Paused(ALL, UPDATE, BOB), "The update of 2 images is paused"),
        (Stopped(ALL, UPDATE, BOB, None), "The update of 2 images was stopped"),
        (Failed(ALL, "", "", proposal=UPDATE), "✗ The update of 2 images failed"),
        (Failed(ALL, "", "", proposal=ONE), "✗ demisto/python3:latest was not updated"),
        (Failed(ALL, "", "", proposal=ROLL_BACK), "✗ demisto/python3:latest was not rolled back"),
        (Failed(ALL, "", "", proposal=REMOVAL), f"✗ {SPEC.reference} was not removed"),
        (Failed(ALL, "", ""), "✗ Nothing was updated"),
        (Failed(ASKED, "", ""), "✗ The image was not created"),
        (Failed(replace(ASKED, request=ListImages()), "", ""), "✗ The images were not listed"),
        (Failed(replace(ASKED, request=LookAtImage(SOME)), "", ""), "✗ The image was not shown"),
        (Failed(replace(ASKED, request=RollBackImage(SOME)), "", ""), "✗ Nothing was rolled back"),
        (Failed(replace(ASKED, request=UndoUpdate("d-0")), "", ""), "✗ Nothing was rolled back"),
        (Failed(replace(ASKED, request=RemoveImage(SOME)), "", ""), "✗ Nothing was removed"),
    ],
)
def test_every_stage_speaks_of_what_is_done(dialog: Dialog, said: str) -> None:
    assert title(dialog) == said


@pytest.mark.parametrize(
    ("dialog", "sentence"),
    [
        (
            Cancelled(ALL, BOB),
            "Cancelled by <@U0BOB>. Nothing was updated. To run it after all, type the command again.",
        ),
        (
            Expired(replace(ASKED, request=RollBackImage(SOME)), 60.0),
            "No decision within 1 min. Nothing was rolled back. For a new proposal, ask for it again.",
        ),
        (
            Stopped(ALL, UPDATE, BOB, None),
            "Stopped by <@U0BOB> before it started. Nothing was changed. To start over, type the command again.",
        ),
        (
            Stopped(ALL, UPDATE, BOB, PULLING),
            "Stopped by <@U0BOB> after 0 of 3 steps. Completed steps are kept; see the log.",
        ),
        (Paused(ALL, REMOVAL, BOB), "The removal then continues in this message."),
        (Paused(ALL, PROPOSAL, BOB), "The build then continues in this message."),
    ],
)
def test_every_end_speaks_of_what_was_asked_for(dialog: Dialog, sentence: str) -> None:
    assert sentence in texts(shown(dialog))


@pytest.mark.parametrize(
    ("dialog", "said"),
    [
        (Failed(ALL, "It broke.", "", proposal=UPDATE), "the update of 2 images failed: It broke."),
        (Failed(ALL, "It broke.", "", proposal=ONE), "`demisto/python3:latest` was not updated: It broke."),
        (Failed(ALL, "It broke.", ""), "nothing was updated: It broke."),
        (Failed(ASKED, "It broke.", "", proposal=PROPOSAL), "`example_name` was not created: It broke."),
        (Answered(ALL, Refusal("", "There is none.", "")), "nothing was updated: There is none."),
        (Answered(ASKED, Refusal("", "There is none.", "")), "nothing was created: There is none."),
        (Stopped(ALL, UPDATE, BOB, None), "the update of 2 images was stopped by <@U0BOB>."),
        (Stopped(ASKED, PROPOSAL, BOB, None), "`example_name` was stopped by <@U0BOB>."),
    ],
)
def test_an_announcement_speaks_of_what_was_asked_for(dialog: Dialog, said: str) -> None:
    assert announcement(dialog) == f"<@{ALICE}> {said}"


@pytest.mark.parametrize("action", ["images", "changes", "image_packages", "show_dockerfile"])
def test_a_dialog_without_such_a_button_has_no_such_file(action: str) -> None:
    for dialog in (UnderReview(ASKED, ROLL_BACK, LATER), updated(FAIL_RESULT), Failed(ASKED, "", "", proposal=UPDATE)):
        assert file_of(action, dialog) is None


def test_the_day_of_an_image_is_in_utc() -> None:
    elsewhere = datetime.fromisoformat("2026-10-15T01:30:00+02:00")
    result = replace(PULL_RESULT, before=replace(OLD, created=elsewhere))

    assert "`4f5a0a6c4f5a` of 2026-10-14" in texts(shown(updated(result)))


def test_the_other_earlier_images_are_at_most_a_handful_of_options() -> None:
    others = tuple(replace(OTHER_MOVE, earlier_tag=f"a:before-{number}") for number in range(60))

    assert len(menus(shown(UnderReview(ASKED, replace(ROLL_BACK, others=others), LATER)))["roll_back_to"]) == 20


# ── What the buttons mean ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("results", [(PULL_RESULT,), (FAIL_RESULT,), (REBUILD_RESULT, PULL_RESULT), ()])
def test_a_way_back_is_offered_exactly_where_there_is_one(results: tuple[ImageResult, ...]) -> None:
    dialog = updated(*results)

    assert ("undo_update" in offered(shown(dialog))) == (begun("undo_update", dialog) is not None)


def test_a_choice_of_a_menu_names_what_stands_in_its_label() -> None:
    review = UnderReview(ASKED, ROLL_BACK, LATER)
    ((value, label),) = menus(shown(review))["roll_back_to"]
    dialog, _, choice = value.partition(" ")

    assert dialog == ASKED.dialog
    assert OTHER_MOVE.earlier.short in label
    assert begun("roll_back_to", review, choice) == RollBackImage(
        Reference("demisto/python3", "latest"), to=OTHER_MOVE.earlier_tag.rpartition(":")[2]
    )


def test_what_the_daemon_itself_said_of_a_failure_is_shown_once() -> None:
    failed = replace(FAIL_RESULT, details=("toomanyrequests: You have reached your pull rate limit.",))
    other = replace(failed, name="another/thing:2")
    message = render(Finished(ASKED, BOB, ImagesUpdated(UPDATE, Updated((failed, other))), PULLING, NOW), NOW)

    assert texts(message).count("toomanyrequests: You have reached your pull rate limit.") == 1

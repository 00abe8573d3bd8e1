"""The card of an image as people read it."""

from dataclasses import replace

from bot.dialogs.stages import Answered, Attachment
from bot.slack.views import Message, announcement, render
from bot.slack.views.buttons import ShowFile
from bot.slack.views.images.controls import PACKAGES
from commands.command import Card, Origin, Users
from commands.model.images import Digest, Layer
from commands.model.packages import Inventory
from tests.kit.examples import ASKED, CARD, IMAGE, LINE, NOW, OTHER_MOVE
from tests.kit.reading import offered, texts

CARD_LINE = replace(ASKED, line="details image=9c1e6b20d7f3")
FOREIGN = replace(
    CARD,
    name="9c1e6b20d7f3",
    image=replace(IMAGE, repo_tags=(), user="app"),
    mark=replace(CARD.mark, digest=Digest("sha256:" + "4f5a0a6c" * 8)),
    origin=None,
    users=Users(more_images=True),
    earlier=(),
    layers=(),
    packages=Inventory({}, None, gap="Layer 2 was too large to look into."),
    labels={},
)


def shown(card: Card) -> Message:
    return render(Answered(CARD_LINE, card), NOW)


def packages_file(card: Card) -> Attachment | None:
    assert isinstance(PACKAGES.does, ShowFile)
    return PACKAGES.does.file(Answered(CARD_LINE, card))


def test_a_card_of_an_image_that_was_made_here_tells_how_it_came_about() -> None:
    message = shown(CARD)

    assert texts(message).splitlines() == [
        "example_name:1.0.0.1763925000",
        "*ID*",
        "`9c1e6b20d7f3`",
        "*Registry digest*",
        "`–`",
        "*Size*",
        "241MB",
        "*Created*",
        "2026-11-23 19:49 UTC (3 seconds ago)",
        "*Platform*",
        "linux/amd64",
        "*User*",
        "`root`",
        "*Names:* `example_name:1.0.0.1763925000`, `example_name:latest`",
        "*Used by:* running: `web` · stopped: `db` · images built on it: `example_name:1.0.0.1763925000`, `other:1`",
        "*Origin:* made here · requested by <@U0ALICE> · in <#C0WARROOM> · 2026-11-11 19:50 UTC (12 days ago)",
        "*Base:* `demisto/python3-deb:3.12.13.11694875`",
        "*Command:*",
        "```",
        LINE,
        "```",
        "*Packages:* 2 Python · 1 OS (dpkg)",
        "`html5lib 1.1`, `mechanize 0.4.10`",
        "*Layers:* 3, largest:",
        "• 74MB `ADD rootfs.tar /`",
        "• 12MB `RUN apt-get install wget`",
        "*Earlier images:*",
        "• `1111aaaa2222` · created 2026-08-25 19:50 UTC (3 months ago) · 119MB · kept as `demisto/python3:before-d-0`",
        "*Labels:* `org.opencontainers.image.title=example_name`, `warroom.job=d-1`",
        "`details image=9c1e6b20d7f3`",
        "Requested by <@U0ALICE> · 2026-11-23 19:50 UTC",
        "Update",
        "Roll back",
        "Run again",
        "Packages",
        "Remove",
    ]
    assert list(offered(message)) == [
        "image_update",
        "image_roll_back",
        "image_run_again",
        "image_packages",
        "image_remove",
    ]


def test_a_card_of_another_image_says_what_is_known() -> None:
    message = shown(FOREIGN)

    assert texts(message).splitlines()[3:-2] == [
        "*Registry digest*",
        "`4f5a0a6c4f5a`",
        "*Size*",
        "241MB",
        "*Created*",
        "2026-11-23 19:49 UTC (3 seconds ago)",
        "*Platform*",
        "linux/amd64",
        "*User*",
        "`app`",
        "*Names:* none",
        "*Used by:* no containers found, but not every image was checked",
        "*Packages:* 0 Python",
        "Layer 2 was too large to look into.",
        "`details image=9c1e6b20d7f3`",
        "Requested by <@U0ALICE> · 2026-11-23 19:50 UTC",
    ]
    assert offered(message) == {"image_update": "Update", "image_remove": "Remove"}


def test_an_image_whose_request_is_not_known_cannot_be_run_again() -> None:
    origin = Origin(None, None, None, "d-0", None, None)
    message = shown(replace(CARD, origin=origin))

    assert "*Origin:* made here\n" in texts(message)
    assert "image_run_again" not in offered(message)


def test_who_is_no_slack_user_is_named_but_not_called() -> None:
    origin = Origin("<!here>", "general", None, "d-0", None, None)

    assert "requested by `&lt;!here&gt;` · in `general`\n" in texts(shown(replace(CARD, origin=origin)))


def test_of_many_earlier_images_the_first_three_are_named() -> None:
    message = shown(replace(CARD, earlier=(OTHER_MOVE,) * 5))

    assert texts(message).count("kept as") == 3
    assert "… and 2 more" in texts(message)


def test_only_layers_that_weigh_something_are_named() -> None:
    message = shown(replace(CARD, layers=(Layer("ENV A=1", 0), Layer("CMD x", 0))))

    assert "*Layers:* 2\n" in texts(message)


def test_the_file_of_packages_lists_all() -> None:
    file = packages_file(CARD)

    assert file is not None
    assert (file.kind, file.name, file.title) == (
        "image_packages",
        "packages.txt",
        "Packages of example_name:1.0.0.1763925000",
    )
    assert file.content == (
        "What is installed in example_name:1.0.0.1763925000\n\n"
        "Python packages: 2\n  html5lib 1.1\n  mechanize 0.4.10\n\n"
        "OS packages (dpkg): 1\n  wget 1.21.4-1\n"
    )


def test_without_packages_there_is_no_file() -> None:
    assert packages_file(FOREIGN) is None


def test_a_card_calls_nobody() -> None:
    assert announcement(Answered(CARD_LINE, CARD)) is None

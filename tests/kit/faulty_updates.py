"""Every fault that an update may meet, played from the typed line to the end: by the bot as it runs, on a real daemon.

The only place that defines these cases: the tests compare what comes of each, a bench prints it as a table.
"""

import json
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

from tests.kit.driver import ShownDialog
from tests.kit.engine_space import LABEL, packed
from tests.kit.program import PATIENCE
from tests.kit.update_site import SMALL_DISK, FaultResult, RegistryImage

BIG = 400_000
"""Bytes of a layer that has a middle."""
USER, SECRET, WRONG_SECRET = "reader", "swordfish-8d1f", "kipper-5c2e"


# ── The registry refuses ────────────────────────────────────────────────────────────────────────────────────────────


Play = Callable[[RegistryImage], FaultResult]
"""Brings a fault about, and tells what came of it."""


@dataclass(frozen=True, slots=True)
class FaultyUpdate:
    """A fault, and how it is brought about."""

    fault: str
    play: Play


def limit_at_the_check(image: RegistryImage) -> FaultResult:
    """Ask twice a registry that wants to be left alone for a while."""
    image.outdate()
    image.registry.limit_heads(90)
    first = image.ask().until("refused")
    image.ask().until("refused")
    return image.told(first)


def limit_at_a_layer(image: RegistryImage) -> FaultResult:
    """Confirm, and have no layer given."""
    image.outdate()
    dialog = image.review()
    image.registry.limited = True
    dialog.click("update")
    return image.told(dialog.until("failed"))


def error_after_a_layer(image: RegistryImage) -> FaultResult:
    """Confirm, and have the last of three layers refused when the others are there."""
    image.outdate(BIG, BIG)
    image.registry.error_on_layer(2)
    dialog = image.review()
    dialog.click("update")
    failed = dialog.until("failed")
    served = image.registry.layers(image.repository, "latest")[:2]
    assert [image.registry.gets_of(layer) for layer in served] == [1, 1]
    return image.told(failed)


def reset_that_passes(image: RegistryImage) -> FaultResult:
    """Have the connection broken off once; the daemon waits for 5 s and goes on where it was."""
    image.outdate(BIG)
    image.registry.break_blobs_after(BIG // 4)
    dialog = image.begin()
    assert image.registry.blob_broken.wait(PATIENCE)
    image.registry.heal()
    return image.told(dialog.until("updated", seconds=PATIENCE))


def reset_and_stop(image: RegistryImage) -> FaultResult:
    """Have the connection broken off, and press Stop while the daemon waits to try again."""
    image.outdate(BIG)
    image.registry.break_blobs_after(BIG // 4)
    dialog = image.begin()
    assert image.registry.blob_broken.wait(PATIENCE)
    return _stopped(image, dialog)


def slow_and_stop(image: RegistryImage) -> FaultResult:
    """Press Stop while bytes trickle."""
    image.outdate(BIG)
    # A minute for a layer: longer than a Stop takes on any machine.
    image.registry.slow_blobs(BIG // 60)
    dialog = image.begin()
    dialog.until_says("layers")
    return _stopped(image, dialog)


def _stopped(image: RegistryImage, dialog: ShownDialog) -> FaultResult:
    """Press Stop; the time is that from the click on."""
    image.started = monotonic()
    dialog.click("stop", by=image.bot.bob)
    return image.told(dialog.until("stopped"))


# ── The registry changes its mind ───────────────────────────────────────────────────────────────────────────────────


def moved_before_the_click(image: RegistryImage) -> FaultResult:
    """Confirm what is outdated already, and then what is offered instead."""
    image.outdate()
    dialog = image.review()
    image.put("newest")
    dialog.click("update")
    again = dialog.until_says("has changed since the review")
    dialog.click("update")
    told = image.told(dialog.until("updated"))
    return replace(told, text=f"{image.line(again, 'since the review')}\n{told.text}")


def moved_after_the_check(image: RegistryImage) -> FaultResult:
    """Have the tag moved when the bot has asked for it the last time."""
    image.outdate()
    dialog = image.review()
    image.registry.after_head(lambda: image.put("newest"))
    dialog.click("update")
    return image.told(dialog.until("updated"))


def gone_after_the_check(image: RegistryImage) -> FaultResult:
    """Have the tag moved then, and what it stood for deleted."""
    image.outdate()
    dialog = image.review()
    confirmed = image.registry.digest(image.repository, "latest")

    def change() -> None:
        image.put("newest")
        image.registry.blobs.pop(confirmed, None)

    image.registry.after_head(change)
    dialog.click("update")
    return image.told(dialog.until("failed"))


# ── The registry wants to know who asks ─────────────────────────────────────────────────────────────────────────────


def no_login(image: RegistryImage) -> FaultResult:
    """Ask a registry that wants a login."""
    image.outdate()
    image.registry.password(USER, SECRET)
    return image.told(image.ask().until("refused"))


def wrong_login(image: RegistryImage) -> FaultResult:
    """Ask it with a login that it does not take."""
    image.outdate()
    image.registry.password(USER, SECRET)
    image.bot.log_in(image.registry.address, USER, WRONG_SECRET)
    return image.told(image.ask().until("refused"))


def right_login(image: RegistryImage) -> FaultResult:
    """Ask it with one that it takes."""
    image.outdate()
    image.registry.password(USER, SECRET)
    image.bot.log_in(image.registry.address, USER, SECRET)
    dialog = image.review()
    dialog.click("update")
    return image.told(dialog.until("updated"))


def login_ends_after_the_check(image: RegistryImage) -> FaultResult:
    """Have the login taken back when the bot has asked for the last time."""
    image.outdate()
    image.registry.password(USER, SECRET)
    image.bot.log_in(image.registry.address, USER, SECRET)
    dialog = image.review()
    image.registry.after_head(lambda: image.registry.password(USER, WRONG_SECRET))
    dialog.click("update")
    return image.told(dialog.until("failed"))


# ── The daemon, and other people ────────────────────────────────────────────────────────────────────────────────────


def deleted_before_the_click(image: RegistryImage) -> FaultResult:
    """Delete the image that is under review."""
    image.outdate()
    dialog = image.review()
    image.bot.raw.remove_image(image.name)
    dialog.click("update")
    refused = dialog.until("refused")
    # The hint names images of the host that are called alike.
    return replace(image.told(refused), text=image.line(refused, "has no image"))


def renamed_in_mid_pull(image: RegistryImage) -> FaultResult:
    """Give the name to an image from elsewhere while the pull is under way."""
    image.outdate(BIG)
    image.registry.stall_blobs()
    dialog = image.begin()
    repository, _, tag = image.name.rpartition(":")
    image.bot.raw.tag(_of_somebody_else(image), repository, tag)
    image.registry.resume()
    return image.told(dialog.until("failed"))


def _of_somebody_else(image: RegistryImage) -> str:
    content, label = packed({"content": image.mark.encode()}), f"LABEL {LABEL}={image.mark}"
    imported = image.bot.raw.import_image_from_data(content, changes=[label])
    return str(json.loads(imported)["status"])


def two_at_once(image: RegistryImage) -> FaultResult:
    """Confirm two updates, the second when the first is under way; tells of the second."""
    image.outdate(BIG)
    second = image.review(image.bot.bob)
    image.registry.stall_blobs()
    first = image.begin()
    second.click("update")
    waiting = second.until_says("another update")
    image.registry.resume()
    first.until("updated")
    told = image.told(second.until("updated"))
    assert image.registry.gets_of(image.registry.layers(image.repository, "latest")[1]) == 1
    return replace(told, text=f"{image.line(waiting, 'another update').rpartition(' · ')[2]}\n{told.text}")


def full_disk(image: RegistryImage) -> FaultResult:
    """Pull what does not fit."""
    image.outdate(SMALL_DISK)
    dialog = image.review()
    dialog.click("update")
    return image.told(dialog.until("failed", seconds=PATIENCE))


def daemon_killed(image: RegistryImage) -> FaultResult:
    """Kill the daemon in mid-layer, and start it again."""
    image.outdate(BIG)
    private = image.bot.private
    assert private
    image.registry.stall_blobs()
    dialog = image.begin()
    private.end(signal.SIGKILL)
    failed = dialog.until("failed", seconds=PATIENCE)
    private.start()
    return image.told(failed)


def update_again(image: RegistryImage) -> FaultResult:
    """Type the line once more, when all is well again."""
    image.registry.heal()
    dialog = image.review()
    dialog.click("update")
    return image.told(dialog.until("updated"))


CASES = (
    FaultyUpdate("429 with `Retry-After` at the check, asked twice", limit_at_the_check),
    FaultyUpdate("429 at a layer", limit_at_a_layer),
    FaultyUpdate("an error in mid-pull, after two layers of three", error_after_a_layer),
    FaultyUpdate("connection reset in mid-layer, once", reset_that_passes),
    FaultyUpdate("connection reset in mid-layer, again and again; Stop", reset_and_stop),
    FaultyUpdate("slow bytes; Stop", slow_and_stop),
    FaultyUpdate("the tag moves between review and confirmation", moved_before_the_click),
    FaultyUpdate("the tag moves between check and pull", moved_after_the_check),
    FaultyUpdate("the same, and the registry drops what was confirmed", gone_after_the_check),
    FaultyUpdate("401, no login here", no_login),
    FaultyUpdate("401, a wrong login here", wrong_login),
    FaultyUpdate("401, the right login here", right_login),
    FaultyUpdate("401 at the pull, after the check was let in", login_ends_after_the_check),
    FaultyUpdate("the image is deleted between review and confirmation", deleted_before_the_click),
    FaultyUpdate("another program moves the name in mid-pull", renamed_in_mid_pull),
    FaultyUpdate("two people update one image at once", two_at_once),
)
FULL_DISK = FaultyUpdate("no disk", full_disk)
DAEMON_KILLED = FaultyUpdate("the daemon is killed in mid-pull and started again", daemon_killed)

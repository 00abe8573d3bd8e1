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


def limit_at_the_check(site: RegistryImage) -> FaultResult:
    """Ask twice a registry that wants to be left alone for a while."""
    site.outdate()
    site.registry.limit_heads(90)
    first = site.ask().until("refused")
    site.ask().until("refused")
    return site.told(first)


def limit_at_a_layer(site: RegistryImage) -> FaultResult:
    """Confirm, and have no layer given."""
    site.outdate()
    dialog = site.review()
    site.registry.limited = True
    dialog.click("update")
    return site.told(dialog.until("failed"))


def error_after_a_layer(site: RegistryImage) -> FaultResult:
    """Confirm, and have the last of three layers refused when the others are there."""
    site.outdate(BIG, BIG)
    site.registry.error_on_layer(2)
    dialog = site.review()
    dialog.click("update")
    failed = dialog.until("failed")
    served = site.registry.layers(site.repository, "latest")[:2]
    assert [site.registry.gets_of(layer) for layer in served] == [1, 1]
    return site.told(failed)


def reset_that_passes(site: RegistryImage) -> FaultResult:
    """Have the connection broken off once; the daemon waits for 5 s and goes on where it was."""
    site.outdate(BIG)
    site.registry.break_blobs_after(BIG // 4)
    dialog = site.begin()
    assert site.registry.blob_broken.wait(PATIENCE)
    site.registry.heal()
    return site.told(dialog.until("updated", seconds=PATIENCE))


def reset_and_stop(site: RegistryImage) -> FaultResult:
    """Have the connection broken off, and press Stop while the daemon waits to try again."""
    site.outdate(BIG)
    site.registry.break_blobs_after(BIG // 4)
    dialog = site.begin()
    assert site.registry.blob_broken.wait(PATIENCE)
    return _stopped(site, dialog)


def slow_and_stop(site: RegistryImage) -> FaultResult:
    """Press Stop while bytes trickle."""
    site.outdate(BIG)
    # A minute for a layer: longer than a Stop takes on any machine.
    site.registry.slow_blobs(BIG // 60)
    dialog = site.begin()
    dialog.until_says("layers")
    return _stopped(site, dialog)


def _stopped(site: RegistryImage, dialog: ShownDialog) -> FaultResult:
    """Press Stop; the time is that from the click on."""
    site.started = monotonic()
    dialog.click("stop", by=site.house.bob)
    return site.told(dialog.until("stopped"))


# ── The registry changes its mind ───────────────────────────────────────────────────────────────────────────────────


def moved_before_the_click(site: RegistryImage) -> FaultResult:
    """Confirm what is outdated already, and then what is offered instead."""
    site.outdate()
    dialog = site.review()
    site.put("newest")
    dialog.click("update")
    again = dialog.until_says("has changed since the review")
    dialog.click("update")
    told = site.told(dialog.until("updated"))
    return replace(told, text=f"{site.line(again, 'since the review')}\n{told.text}")


def moved_after_the_check(site: RegistryImage) -> FaultResult:
    """Have the tag moved when the bot has asked for it the last time."""
    site.outdate()
    dialog = site.review()
    site.registry.after_head(lambda: site.put("newest"))
    dialog.click("update")
    return site.told(dialog.until("updated"))


def gone_after_the_check(site: RegistryImage) -> FaultResult:
    """Have the tag moved then, and what it stood for deleted."""
    site.outdate()
    dialog = site.review()
    confirmed = site.registry.digest(site.repository, "latest")

    def change() -> None:
        site.put("newest")
        site.registry.blobs.pop(confirmed, None)

    site.registry.after_head(change)
    dialog.click("update")
    return site.told(dialog.until("failed"))


# ── The registry wants to know who asks ─────────────────────────────────────────────────────────────────────────────


def no_login(site: RegistryImage) -> FaultResult:
    """Ask a registry that wants a login."""
    site.outdate()
    site.registry.password(USER, SECRET)
    return site.told(site.ask().until("refused"))


def wrong_login(site: RegistryImage) -> FaultResult:
    """Ask it with a login that it does not take."""
    site.outdate()
    site.registry.password(USER, SECRET)
    site.house.log_in(site.registry.address, USER, WRONG_SECRET)
    return site.told(site.ask().until("refused"))


def right_login(site: RegistryImage) -> FaultResult:
    """Ask it with one that it takes."""
    site.outdate()
    site.registry.password(USER, SECRET)
    site.house.log_in(site.registry.address, USER, SECRET)
    dialog = site.review()
    dialog.click("update")
    return site.told(dialog.until("updated"))


def login_ends_after_the_check(site: RegistryImage) -> FaultResult:
    """Have the login taken back when the bot has asked for the last time."""
    site.outdate()
    site.registry.password(USER, SECRET)
    site.house.log_in(site.registry.address, USER, SECRET)
    dialog = site.review()
    site.registry.after_head(lambda: site.registry.password(USER, WRONG_SECRET))
    dialog.click("update")
    return site.told(dialog.until("failed"))


# ── The daemon, and other people ────────────────────────────────────────────────────────────────────────────────────


def deleted_before_the_click(site: RegistryImage) -> FaultResult:
    """Delete the image that is under review."""
    site.outdate()
    dialog = site.review()
    site.house.raw.remove_image(site.name)
    dialog.click("update")
    refused = dialog.until("refused")
    # The hint names images of the host that are called alike.
    return replace(site.told(refused), text=site.line(refused, "has no image"))


def renamed_in_mid_pull(site: RegistryImage) -> FaultResult:
    """Give the name to an image from elsewhere while the pull is under way."""
    site.outdate(BIG)
    site.registry.stall_blobs()
    dialog = site.begin()
    repository, _, tag = site.name.rpartition(":")
    site.house.raw.tag(_of_somebody_else(site), repository, tag)
    site.registry.resume()
    return site.told(dialog.until("failed"))


def _of_somebody_else(site: RegistryImage) -> str:
    content, label = packed({"content": site.mark.encode()}), f"LABEL {LABEL}={site.mark}"
    imported = site.house.raw.import_image_from_data(content, changes=[label])
    return str(json.loads(imported)["status"])


def two_at_once(site: RegistryImage) -> FaultResult:
    """Confirm two updates, the second when the first is under way; tells of the second."""
    site.outdate(BIG)
    second = site.review(site.house.bob)
    site.registry.stall_blobs()
    first = site.begin()
    second.click("update")
    waiting = second.until_says("another update")
    site.registry.resume()
    first.until("updated")
    told = site.told(second.until("updated"))
    assert site.registry.gets_of(site.registry.layers(site.repository, "latest")[1]) == 1
    return replace(told, text=f"{site.line(waiting, 'another update').rpartition(' · ')[2]}\n{told.text}")


def full_disk(site: RegistryImage) -> FaultResult:
    """Pull what does not fit."""
    site.outdate(SMALL_DISK)
    dialog = site.review()
    dialog.click("update")
    return site.told(dialog.until("failed", seconds=PATIENCE))


def daemon_killed(site: RegistryImage) -> FaultResult:
    """Kill the daemon in mid-layer, and start it again."""
    site.outdate(BIG)
    private = site.house.private
    assert private
    site.registry.stall_blobs()
    dialog = site.begin()
    private.end(signal.SIGKILL)
    failed = dialog.until("failed", seconds=PATIENCE)
    private.start()
    return site.told(failed)


def update_again(site: RegistryImage) -> FaultResult:
    """Type the line once more, when all is well again."""
    site.registry.heal()
    dialog = site.review()
    dialog.click("update")
    return site.told(dialog.until("updated"))


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

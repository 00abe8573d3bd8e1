"""An update that meets a fault, from the line to the end: what the dialog says, what the daemon holds then."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from commands.engine.docker_daemon import DockerDaemon
from tests.kit import faulty_updates as faults
from tests.kit.faulty_updates import CASES, FaultyUpdate, Play, update_again
from tests.kit.update_site import (
    SMALL_DISK,
    BotOnDaemon,
    FaultResult,
    RegistryImage,
    bot_on_daemon,
    bot_on_private_daemon,
    hasty_bot_on_daemon,
    reachable_again,
    site,
)

pytestmark = pytest.mark.engine

UNTOUCHED = {"latest": "old"}
UPDATED = {"latest": "new", "before-JOB": "old"}
NOT_CHECKED = "✗ IMAGE could not be checked"
NOT_UPDATED = "✗ IMAGE was not updated"
IS_UPDATED = "✓ IMAGE is updated"
COMPARED = "Neither image has a package database (dpkg or apk), so OS packages cannot be compared."
USED_UP = (
    "✗ `IMAGE`: The image `IMAGE@DIGEST` could not be pulled. *What to do:* The registry's rate limit is used up: "
    "wait, or `docker login` as the user that this program runs as."
)
STOPPED = FaultResult(
    "Stopped after 0 of 1 image", "Stopped by <@U0BOB>. Images that were already updated stay updated.", UNTOUCHED
)
LOG_IN = "`docker login REGISTRY` as the user that this program runs as."

OUTCOMES: Mapping[Play, FaultResult] = {
    faults.limit_at_the_check: FaultResult(
        NOT_CHECKED,
        "The registry `REGISTRY` allows no more requests for now.\n"
        "*What to do:* Try again in 90 s; with a login (`docker login REGISTRY`) it may allow more.",
        UNTOUCHED,
    ),
    faults.limit_at_a_layer: FaultResult(NOT_UPDATED, USED_UP, UNTOUCHED),
    faults.error_after_a_layer: FaultResult(NOT_UPDATED, USED_UP, UNTOUCHED),
    faults.reset_that_passes: FaultResult(IS_UPDATED, COMPARED, UPDATED),
    faults.reset_and_stop: STOPPED,
    faults.slow_and_stop: STOPPED,
    faults.moved_before_the_click: FaultResult(
        IS_UPDATED,
        "⚠ *Warning:* `IMAGE` has changed since the review: it is another image in its registry now. "
        f"Look at the new review.\n{COMPARED}",
        {"latest": "newest", "before-JOB": "old"},
    ),
    faults.moved_after_the_check: FaultResult(IS_UPDATED, COMPARED, UPDATED),
    faults.gone_after_the_check: FaultResult(
        NOT_UPDATED,
        "✗ `IMAGE`: There is no image `IMAGE@DIGEST` that this daemon may pull. *What to do:* The registry may "
        "have deleted it since the lookup: look the tag up again.",
        UNTOUCHED,
    ),
    faults.no_login: FaultResult(
        NOT_CHECKED,
        "The registry `REGISTRY` does not show `IMAGE` without a login, and none is configured here.\n"
        f"*What to do:* If the name is right, log in: {LOG_IN}",
        UNTOUCHED,
    ),
    faults.wrong_login: FaultResult(
        NOT_CHECKED,
        "The registry `REGISTRY` does not show `IMAGE` to the login that is configured here.\n"
        f"*What to do:* Log in with an account that may see it: {LOG_IN}",
        UNTOUCHED,
    ),
    faults.right_login: FaultResult(IS_UPDATED, COMPARED, UPDATED),
    faults.login_ends_after_the_check: FaultResult(
        NOT_UPDATED,
        "✗ `IMAGE`: The image `IMAGE@DIGEST` could not be pulled. *What to do:* The registry requires a login: "
        "`docker login` as the user that this program runs as.",
        UNTOUCHED,
    ),
    faults.deleted_before_the_click: FaultResult("✗ IMAGE is not here", "This Docker host has no image `IMAGE`.", {}),
    faults.renamed_in_mid_pull: FaultResult(
        NOT_UPDATED,
        "✗ `IMAGE`: `IMAGE` has changed since the review: it is another image now. "
        "*What to do:* Update it again to review it anew.",
        # As after any `docker tag`: what had the name before is known by its digest alone.
        {"latest": "another", "nameless": "old"},
    ),
    faults.two_at_once: FaultResult(
        "✓ Nothing to change",
        "Waiting: another update of it is under way\n✓ `IMAGE`: Another update brought it meanwhile.",
        UPDATED,
    ),
}


@pytest.fixture(scope="module")
def endpoint(docker_host: str | None) -> str:
    """The daemon's address."""
    engine = DockerDaemon(docker_host)
    told = engine.describe().endpoint
    engine.close()
    return told


@pytest.fixture(scope="module")
def hasty_bot(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotOnDaemon]:
    """A bot in this process, on the daemon of all tests."""
    with hasty_bot_on_daemon(endpoint, tmp_path_factory.mktemp("hasty")) as one:
        yield one


@pytest.fixture
def image(hasty_bot: BotOnDaemon) -> Iterator[RegistryImage]:
    with site(hasty_bot) as one:
        yield one


def named(case: FaultyUpdate) -> str:
    return case.fault


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_fault_is_told_and_the_daemon_holds_what_is_said(case: FaultyUpdate, image: RegistryImage) -> None:
    assert case.play(image) == OUTCOMES[case.play]


def test_a_registry_that_wants_to_be_left_alone_is_asked_once(image: RegistryImage) -> None:
    assert faults.limit_at_the_check(image).heads == 1


STOPS = [faults.reset_and_stop, faults.slow_and_stop]


@pytest.mark.parametrize("play", STOPS)
def test_a_stop_waits_for_no_layer(play: Play, image: RegistryImage) -> None:
    assert play(image) == STOPPED
    (_, layer) = image.registry.layers(image.repository, "latest")
    # Given time, it would have come: `tests.bench.faults` tells how long a Stop takes.
    assert image.registry.gets_of(layer) > 0
    assert image.registry.times_served(layer) == 0


@pytest.mark.parametrize("play", [faults.limit_at_a_layer, faults.error_after_a_layer, *STOPS])
def test_an_update_that_came_to_nothing_goes_through_once_all_is_well(play: Play, image: RegistryImage) -> None:
    play(image)
    assert update_again(image) == FaultResult(IS_UPDATED, COMPARED, UPDATED)


# ── Daemons that come to harm ───────────────────────────────────────────────────────────────────────────────────────


def test_a_full_disk_is_told_and_the_old_image_stays(tmp_path: Path) -> None:
    with bot_on_private_daemon(tmp_path, disk=SMALL_DISK) as small, site(small) as image:
        assert faults.full_disk(image) == FaultResult(
            NOT_UPDATED,
            "✗ `IMAGE`: The Docker daemon has no space left on its disk. *What to do:* Free some (`docker system "
            "df` shows what takes it, `docker builder prune` empties the build cache), then try again.",
            UNTOUCHED,
        )


def test_a_daemon_killed_in_mid_pull_has_the_old_image_when_it_is_back_and_is_updated_then(tmp_path: Path) -> None:
    with bot_on_private_daemon(tmp_path) as mortal, site(mortal) as image:
        assert faults.daemon_killed(image) == FaultResult(
            NOT_UPDATED,
            "✗ `IMAGE`: The connection to the Docker daemon at `DAEMON` was lost while it was to pull "
            "`IMAGE@DIGEST`. *What to do:* See whether it runs (`systemctl status docker`), then try again.",
            UNTOUCHED,
        )
        with reachable_again(image):
            assert update_again(image) == FaultResult(IS_UPDATED, COMPARED, UPDATED)


# ── Passwords ───────────────────────────────────────────────────────────────────────────────────────────────────────


def disguises(secret: str) -> tuple[str, ...]:
    """Give a secret as it stands in plain text, and in Base64 wherever in a text it begins."""
    shifted = (b64encode(b"x" * offset + secret.encode()).decode()[4 if offset else 0 : -4] for offset in range(3))
    return (secret, *shifted)


def test_a_secret_is_found_in_its_disguises() -> None:
    for before in ("", "x", "xy", "reader:"):
        told = b64encode(f"{before}{faults.SECRET} and more".encode()).decode()
        assert any(disguise in told for disguise in disguises(faults.SECRET))


def test_no_password_is_shown_logged_or_stored(endpoint: str, tmp_path: Path) -> None:
    with bot_on_daemon(endpoint, tmp_path) as whole:
        addresses = []
        for play in (faults.wrong_login, faults.right_login, faults.login_ends_after_the_check):
            with site(whole) as image:
                assert play(image) == OUTCOMES[play]
                addresses.append(image.registry.address)
        told = whole.everything_told()
    assert [address for address in addresses if address not in told] == []
    secrets = [*disguises(faults.SECRET), *disguises(faults.WRONG_SECRET)]
    assert [secret for secret in secrets if secret in told] == []

"""Plain values to test with: one of everything that a dialog is made of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.dialogs import (
    Asked,
    Cancelled,
    Deciding,
    Dialog,
    DialogId,
    Discarded,
    Done,
    Expired,
    Failed,
    Paused,
    Preparing,
    Queued,
    Refused,
    Reused,
    Running,
    Settling,
    Stopped,
    UnderReview,
)
from bot.progress import Progress, Step, StepState
from commands.command import ExistingImage, Finding, Proposal, Refusal, Severity
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

NOW = datetime(2026, 11, 23, 19, 50, tzinfo=UTC)
LATER = NOW + timedelta(minutes=30)
LINE = "/docker_image_create name=example_name dependencies=mechanize packages=wget"
ALICE, BOB = "U0ALICE", "U0BOB"
PLATFORM = Platform("linux", "amd64")
ASKED = Asked(DialogId("d-1"), LINE, ALICE, "C0WARROOM", NOW)

BASE = BaseImage(
    reference=Reference("demisto/python3-deb", "3.12.13.11694875"),
    image_id=ImageId("sha256:" + "ab" * 32),
    digest=Digest("sha256:" + "4f5a0a6c" * 8),
    python=PythonRuntime("3.12.13", "/usr/local/bin/python3", "glibc", "2.36"),
    package_manager=PackageManager.APT,
    user="",
    platform=PLATFORM,
    layers=("sha256:" + "1a" * 32,),
)
SPEC = ImageSpec(
    name="example_name",
    tag="1.0.0.1763925000",
    base=BASE,
    requirements=(PythonRequirement("mechanize"),),
    locked=(
        LockedPackage("html5lib", "1.1", ("sha256:" + "0" * 64,), requested=False),
        LockedPackage("mechanize", "0.4.10", ("sha256:" + "1" * 64,), requested=True),
    ),
    os_packages=(OsPackage("wget"),),
)
PROPOSAL = Proposal(
    title="Create `example_name`?",
    spec=SPEC,
    dockerfile="FROM demisto/python3-deb:3.12.13.11694875\nRUN true\n",
    steps=("Base demisto/python3-deb:3.12.13.11694875", "OS packages: wget"),
    findings=(Finding("nothing-added", Severity.NOTE, "The image will equal its base."),),
)
REFUSAL = Refusal("`example_name` cannot be made", "There is no package `nope`.", "Check the spelling.")
IMAGE = LocalImage(
    id=ImageId("sha256:9c1e6b20d7f3" + "a" * 52),
    repo_tags=(SPEC.reference, "example_name:latest"),
    repo_digests=(),
    created=NOW - timedelta(seconds=3),
    size=241_300_000,
    labels={"warroom.job": "d-1"},
    user="",
    platform=PLATFORM,
    layers=(*BASE.layers, "sha256:" + "2b" * 32),
)
EXISTING = ExistingImage("example_name:1.0.0.1763900000", IMAGE)
OFFERED = replace(PROPOSAL, existing=EXISTING)
FAILURES = (ImportFailure("opencv-python", "cv2", "ImportError: libGL.so.1: cannot open shared object file"),)
CREATED = Created(SPEC.reference, IMAGE, 12_300_000)
UNDECIDED = Undecided(IMAGE.id, FAILURES)
PROGRESS = Progress(
    NOW - timedelta(seconds=14),
    (
        Step("Base demisto/python3-deb", StepState.CACHED, seconds=0.0),
        Step("OS packages: wget", StepState.RUNNING, NOW - timedelta(seconds=2.3)),
        Step("Check the result"),
    ),
    "Unpacking wget",
)

EVERY_KIND: tuple[Dialog, ...] = (
    Preparing(ASKED, "Resolving 1 Python package"),
    UnderReview(ASKED, OFFERED, LATER),
    Queued(ASKED, PROPOSAL, BOB, 3),
    Running(ASKED, PROPOSAL, BOB, PROGRESS, stopping_by=ALICE),
    Paused(ASKED, PROPOSAL, BOB),
    Deciding(ASKED, PROPOSAL, BOB, IMAGE.id, FAILURES, PROGRESS, LATER),
    Settling(ASKED, PROPOSAL, BOB, keep=True, image_id=IMAGE.id, failures=FAILURES, progress=PROGRESS),
    Done(ASKED, PROPOSAL, BOB, CREATED, PROGRESS, NOW),
    Reused(ASKED, OFFERED, BOB, EXISTING),
    Refused(ASKED, REFUSAL),
    Failed(ASKED, "The daemon does not answer.", "Start it.", ("line",), PROPOSAL, PROGRESS),
    Cancelled(ASKED, BOB),
    Expired(ASKED, 1800.0),
    Stopped(ASKED, PROPOSAL, BOB, PROGRESS),
    Discarded(ASKED, PROPOSAL, BOB),
)
"""One dialog in each of its stages."""


def asked_as(dialog: str) -> Asked:
    """The same command in a dialog of its own."""
    return replace(ASKED, dialog=DialogId(dialog))

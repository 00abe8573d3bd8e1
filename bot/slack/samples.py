"""Sample values: one of everything that a dialog is made of, for `warroom check` and for tests.

`warroom check` has Slack validate the messages of `DIALOGS`, and the tests render and store them.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from bot.dialogs.progress import Progress, Step, StepState, Transfer
from bot.dialogs.stages import (
    Answered,
    Asked,
    Cancelled,
    Deciding,
    Dialog,
    DialogId,
    Discarded,
    Expired,
    Failed,
    Finished,
    JobLine,
    Listed,
    Paused,
    Preparing,
    Queued,
    Running,
    Settling,
    Stopped,
    UnderReview,
)
from commands.command import (
    Candidate,
    Card,
    Creation,
    ExistingImage,
    Finding,
    ImageCreated,
    ImageRemoved,
    ImageReused,
    ImagesUpdated,
    ImageUndecided,
    Keep,
    Listing,
    Move,
    NoSource,
    NothingToDo,
    Origin,
    Pull,
    Rebuild,
    Refusal,
    Removal,
    RollBack,
    Row,
    Severity,
    TagsRolledBack,
    Unchecked,
    Update,
    Users,
)
from commands.model.images import (
    BaseImage,
    Digest,
    ImageId,
    ImageSpec,
    Layer,
    LocalImage,
    Mark,
    PackageManager,
    Platform,
    PythonRuntime,
)
from commands.model.outcomes import (
    Created,
    Ending,
    ImageResult,
    ImportFailure,
    MoveResult,
    Removed,
    RolledBack,
    Undecided,
    Updated,
)
from commands.model.packages import (
    Change,
    Difference,
    Inventory,
    LockedPackage,
    OsPackage,
    PackageChanges,
    PackageFile,
    PythonRequirement,
)
from commands.model.references import Reference
from commands.model.requests import CreateImage, Query


def _wheel(name: str, version: str) -> PackageFile:
    file = f"{name}-{version}-py3-none-any.whl"
    url = f"https://index.example/files/{file}"
    content = f"the file at {url}\n".encode()
    return PackageFile(file, url, sha256(content).hexdigest(), len(content))


NOW = datetime(2026, 11, 23, 19, 50, tzinfo=UTC)
LATER = NOW + timedelta(minutes=30)
LINE = "/docker_image_create name=example_name dependencies=mechanize packages=wget"
ALICE, BOB = "U0ALICE", "U0BOB"
PLATFORM = Platform("linux", "amd64")
REQUEST = CreateImage("example_name", None, (PythonRequirement("mechanize"),), (OsPackage("wget"),))
ASKED = Asked(DialogId("d-1"), REQUEST, "/docker_image_create", LINE, ALICE, "C0WARROOM", NOW, team="T0")

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
        LockedPackage("html5lib", "1.1", _wheel("html5lib", "1.1"), requested=False),
        LockedPackage("mechanize", "0.4.10", _wheel("mechanize", "0.4.10"), requested=True),
    ),
    os_packages=(OsPackage("wget"),),
)
PROPOSAL = Creation(
    title="Create `example_name`?",
    spec=SPEC,
    dockerfile="FROM demisto/python3-deb:3.12.13.11694875\nRUN true\n",
    steps=("Base demisto/python3-deb:3.12.13.11694875", "OS packages: wget"),
    findings=(Finding("nothing-added", Severity.NOTE, "The image will equal its base."),),
)
REFUSAL = Refusal("`example_name` cannot be created", "There is no package `nope`.", "Check the spelling.")
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

# ── Newer images, a way back, a list ────────────────────────────────────────────────────────────────────────────────

UPDATE_LINE = "/docker_image_update all=true"
PYTHON, REDIS, TOOL, LOST = "demisto/python3:latest", "library/redis:7", "example_name:latest", "old/thing:1"


def mark_of(digits: str, *, days: int, size: int, in_registry: bool = True) -> Mark:
    """One image, so many days old, whose digest or ID begins with these digits."""
    whole = digits + "0" * (64 - len(digits))
    digest = Digest(f"sha256:{whole}") if in_registry else None
    return Mark(ImageId(f"sha256:{whole}"), digest, NOW - timedelta(days=days), size)


OLD = mark_of("4f5a0a6c4f5a", days=40, size=120_000_000)
NEW = mark_of("77aa00bb11cc", days=1, size=121_500_000)
OWN = mark_of("9c1e6b20d7f3", days=12, size=241_300_000, in_registry=False)
REBUILT = mark_of("0d0d0d0d0d0d", days=0, size=240_100_000, in_registry=False)
USERS = Users(("web",), ("db",), ("example_name:1.0.0.1763925000", "other:1"))
NEW_DIGEST = Digest("sha256:77aa00bb11cc" + "0" * 52)
PULLED = Candidate(PYTHON, OLD, NEW_DIGEST, Pull(Reference("demisto/python3", "latest"), NEW_DIGEST), USERS)
MADE_ANEW = Candidate(TOOL, OWN, None, Rebuild(PROPOSAL, ("requests 2.31.0 → 2.32.3", "base", "certifi added")))
KEPT = Candidate(REDIS, OLD, OLD.digest, Keep("the registry has the same digest"))
SOURCELESS = Candidate(LOST, OWN, None, NoSource("it was loaded from a file"))
UNCHECKED = Candidate(
    "registry.example/a:1", OLD, None, Unchecked("`registry.example` does not answer.", "Try again later.")
)
UPDATE = Update(
    "Update 2 of 5 images?",
    (KEPT, PULLED, SOURCELESS, MADE_ANEW, UNCHECKED),
    (Finding("disk", Severity.NOTE, "About 34MB are downloaded."),),
)
NOTHING_TO_DO = NothingToDo("Every image is up to date", (KEPT, SOURCELESS))
KEPT_AS = "demisto/python3:before-d-1"
DIFFERENCE = Difference(
    1_500_000,
    PackageChanges(("idna 3.7",), ("six 1.16.0",), (Change("requests", "2.31.0", "2.32.3"),)),
    PackageChanges(changed=(Change("libssl3", "3.0.11-1", "3.0.15-1"), Change("wget", "1.21.3-1", "1.21.4-1"))),
    ("Layer 3 was too large to look into.",),
)
PULL_RESULT = ImageResult(
    PYTHON, Ending.UPDATED, OLD, NEW, PYTHON, KEPT_AS, difference=DIFFERENCE, still_used_by=("web", "db")
)
REBUILD_RESULT = ImageResult(TOOL, Ending.REBUILT, OWN, REBUILT, SPEC.reference, difference=DIFFERENCE)
KEEP_RESULT = ImageResult(REDIS, Ending.UNCHANGED, OLD, OLD, reason="the registry has the same digest")
FAIL_RESULT = ImageResult(
    LOST, Ending.FAILED, OLD, reason="The registry broke off the download.", hint="Type the command again."
)
STOP_RESULT = ImageResult(REDIS, Ending.STOPPED, OLD)
UPDATED = Updated((PULL_RESULT, REBUILD_RESULT, KEEP_RESULT), ("An image that was kept before was let go.",))
TRANSFER = Transfer(5, 9, 34_000_000, 120_000_000, True, NOW, 34_000_000, 4_200_000.0)
PULLING = Progress(
    NOW - timedelta(seconds=14),
    (
        Step(PYTHON, StepState.RUNNING, NOW - timedelta(seconds=9), transfer=TRANSFER),
        Step(TOOL, StepState.RUNNING, NOW - timedelta(seconds=2.3), note="Resolving 3 Python packages"),
        Step(REDIS),
    ),
)
MOVE = Move(PYTHON, NEW, OLD, KEPT_AS, USERS)
OTHER_MOVE = Move(PYTHON, NEW, mark_of("1111aaaa2222", days=90, size=119_000_000), "demisto/python3:before-d-0")
ROLL_BACK = RollBack("Roll back demisto/python3:latest?", (MOVE,), (OTHER_MOVE,))
REMOVAL = Removal("Remove example_name?", OWN, (SPEC.reference, TOOL))
ROLLED_BACK = RolledBack((MoveResult(PYTHON, OLD, "demisto/python3:before-d-2", still_used_by=("web",)),))
ROWS = (
    Row(IMAGE.id, "example_name", SPEC.tag, 241_300_000, NOW - timedelta(seconds=3), made_here=True),
    Row(OLD.id, "demisto/python3", "latest", 120_000_000, NOW - timedelta(days=40), made_here=False),
    Row(OWN.id, None, None, 5_640, NOW - timedelta(days=800), made_here=False),
)
LISTING = Listing(Query(page=2), ROWS, pages=3, matching=9, images=8, names=7, disk=41_200_000_000)
JOB_LINE = JobLine(LINE, BOB, NOW - timedelta(minutes=3), is_running=True)
ORIGIN = Origin(
    ALICE, "C0WARROOM", NOW - timedelta(days=12), "d-0", LINE, "demisto/python3-deb:3.12.13.11694875", REQUEST
)
CARD = Card(
    "example_name:1.0.0.1763925000",
    IMAGE,
    OWN,
    ORIGIN,
    USERS,
    (OTHER_MOVE,),
    (Layer("RUN apt-get install wget", 12_000_000), Layer("ADD rootfs.tar /", 74_000_000), Layer("ENV A=1", 0)),
    Inventory({"mechanize": "0.4.10", "html5lib": "1.1"}, {"wget": "1.21.4-1"}, "dpkg"),
    {"warroom.job": "d-1", "org.opencontainers.image.title": "example_name"},
)

DIALOGS: Mapping[str, Dialog] = {
    "preparing": Preparing(ASKED, "Resolving 1 Python package"),
    "review": UnderReview(ASKED, OFFERED, LATER),
    "queued": Queued(ASKED, PROPOSAL, BOB, 3),
    "running": Running(ASKED, PROPOSAL, BOB, PROGRESS, stopping_by=ALICE),
    "paused": Paused(ASKED, PROPOSAL, BOB),
    "deciding": Deciding(ASKED, BOB, ImageUndecided(PROPOSAL, UNDECIDED), PROGRESS, LATER),
    "settling": Settling(
        ASKED, BOB, ImageUndecided(PROPOSAL, Undecided(IMAGE.id, FAILURES)), keep=True, progress=PROGRESS
    ),
    "done": Finished(ASKED, BOB, ImageCreated(PROPOSAL, CREATED), PROGRESS, NOW),
    "reused": Finished(ASKED, BOB, ImageReused(OFFERED, EXISTING), None, NOW),
    "refused": Answered(ASKED, REFUSAL),
    "failed": Failed(ASKED, "The daemon does not answer.", "Start it.", ("line",), PROPOSAL, PROGRESS),
    "cancelled": Cancelled(ASKED, BOB),
    "expired": Expired(ASKED, 1800.0),
    "stopped": Stopped(ASKED, PROPOSAL, BOB, PROGRESS),
    "discarded": Discarded(ASKED, BOB, PROPOSAL),
    "updated": Finished(ASKED, BOB, ImagesUpdated(UPDATE, UPDATED), PULLING, NOW),
    "unchanged": Answered(ASKED, NOTHING_TO_DO),
    "rolled_back": Finished(ASKED, BOB, TagsRolledBack(ROLL_BACK, ROLLED_BACK), None, NOW),
    "removed": Finished(ASKED, BOB, ImageRemoved(REMOVAL, Removed((SPEC.reference, TOOL), OWN.id)), None, NOW),
    "listed": Listed(ASKED, LISTING, (JOB_LINE,)),
    "described": Answered(ASKED, CARD),
}
"""One dialog in each of its stages, and of each kind of end and answer, by the state that programs see."""

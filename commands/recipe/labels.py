"""The labels of an image that the bot made: what it is, who requested it, and how to rebuild it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from commands.model.images import ImageSpec
from commands.recipe.dockerfile import RECIPE_FORMAT

CREATED: Final = "org.opencontainers.image.created"
AUTHORS: Final = "org.opencontainers.image.authors"
VERSION: Final = "org.opencontainers.image.version"
TITLE: Final = "org.opencontainers.image.title"
REF_NAME: Final = "org.opencontainers.image.ref.name"
BASE_NAME: Final = "org.opencontainers.image.base.name"
BASE_DIGEST: Final = "org.opencontainers.image.base.digest"

JOB: Final = "warroom.job"
"""The id of the job that made it; the job's throw-away containers have it too, so that a sweep finds them."""
REQUESTER: Final = "warroom.requester"
CHANNEL: Final = "warroom.channel"
SPEC: Final = "warroom.spec"
"""`spec_hash` of the confirmed specification, to find an existing image instead of building again."""
REQUEST: Final = "warroom.request"
"""The request as JSON; see `Request`."""


class Request(BaseModel):
    """A request before its resolution: enough to rebuild the image with newer versions."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    base: str
    dependencies: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MadeBy:
    """The origin of an image from its labels; missing parts are None."""

    job: str
    requester: str | None
    channel: str | None
    spec: str | None
    version: str | None
    base_name: str | None
    base_digest: str | None
    created: datetime | None
    request: Request | None


def make_labels(spec: ImageSpec, *, job: str, requester: str, channel: str, created: datetime) -> dict[str, str]:
    """Return the labels of a new image; `created` must have a time zone."""
    return {
        CREATED: created.astimezone(UTC).isoformat(timespec="seconds"),
        AUTHORS: requester,
        VERSION: spec.tag,
        TITLE: spec.name,
        REF_NAME: spec.reference,
        BASE_NAME: str(spec.base.reference),
        BASE_DIGEST: spec.base.digest or spec.base.image_id,
        JOB: job,
        REQUESTER: requester,
        CHANNEL: channel,
        SPEC: spec_hash(spec),
        REQUEST: request_of(spec).model_dump_json(),
    }


def container_labels(job: str) -> dict[str, str]:
    """Return the labels of a job's throw-away container."""
    return {JOB: job}


def request_of(spec: ImageSpec) -> Request:
    """Return the request of a specification."""
    return Request(
        name=spec.name,
        base=str(spec.base.reference),
        dependencies=tuple(str(requirement) for requirement in spec.requirements),
        packages=tuple(str(package) for package in spec.os_packages),
    )


def read_labels(labels: Mapping[str, str]) -> MadeBy | None:
    """Parse the labels of any image; return None if the bot did not make it. Never raises."""
    job = labels.get(JOB)
    if not job:
        return None
    return MadeBy(
        job=job,
        requester=labels.get(REQUESTER),
        channel=labels.get(CHANNEL),
        spec=labels.get(SPEC),
        version=labels.get(VERSION),
        base_name=labels.get(BASE_NAME),
        base_digest=labels.get(BASE_DIGEST),
        created=_time(labels.get(CREATED, "")),
        request=_request(labels.get(REQUEST, "")),
    )


def spec_hash(spec: ImageSpec) -> str:
    """Return a hash of what determines an image's content: specifications with the same hash need one build.

    Name, tag and requester are not included, and the order of packages does not matter.
    """
    content = {
        "format": RECIPE_FORMAT,
        "base": spec.base.digest or spec.base.image_id,
        "platform": str(spec.base.platform),
        "python": sorted([package.name, package.version, package.file.sha256] for package in spec.locked),
        "builds": sorted({file.sha256 for package in spec.locked for file in package.build_files}),
        "os": sorted(str(package) for package in spec.os_packages),
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # Conversion to UTC can leave the range of dates.
        return None


def _request(text: str) -> Request | None:
    try:
        return Request.model_validate_json(text)
    except ValidationError:
        return None

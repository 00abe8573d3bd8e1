"""The labels of an image that the bot made: the daemon alone tells what it is, who asked, and how to make it again."""

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
"""The id of the job that made it; throw-away containers of the job carry it too, so that a sweep finds them."""
REQUESTER: Final = "warroom.requester"
CHANNEL: Final = "warroom.channel"
SPEC: Final = "warroom.spec"
"""`spec_hash` of what was confirmed: the same again need not be built."""
REQUEST: Final = "warroom.request"
"""What was asked for, as JSON: see `Request`."""


class Request(BaseModel):
    """What somebody asked for, before it was resolved: enough to make the image anew with newer versions."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    base: str
    dependencies: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MadeBy:
    """Where an image came from, as its labels tell; what they do not tell is None."""

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
    """Say everything about the image that is to be made; `created` with a time zone."""
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
    """Mark a throw-away container of a job."""
    return {JOB: job}


def request_of(spec: ImageSpec) -> Request:
    """Turn a specification back into what was asked for."""
    return Request(
        name=spec.name,
        base=str(spec.base.reference),
        dependencies=tuple(str(requirement) for requirement in spec.requirements),
        packages=tuple(str(package) for package in spec.os_packages),
    )


def read_labels(labels: Mapping[str, str]) -> MadeBy | None:
    """Read the labels of any image: None when the bot did not make it, never an error."""
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
    """Hash what decides the content of an image: two specifications with the same hash need one build.

    The name, the tag and who asked are left out. So is the order in which things were named.
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
    except (ValueError, OverflowError):  # In another time zone the first and the last day have no date.
        return None


def _request(text: str) -> Request | None:
    try:
        return Request.model_validate_json(text)
    except ValidationError:
        return None

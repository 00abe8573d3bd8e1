from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from commands.model.images import ImageId, ImageSpec
from commands.model.packages import LockedPackage, OsPackage, PackageFile, PythonRequirement
from commands.recipe.labels import MadeBy, Request, container_labels, make_labels, read_labels, spec_hash
from tests.fakes.files import a_wheel
from tests.kit.build_specs import BASE_ID, DIGEST, a_base, a_package, a_source_package, a_spec

NOON = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))


def labels_of(spec: ImageSpec) -> dict[str, str]:
    return make_labels(spec, job="job-1", requester="U123", channel="C456", created=NOON)


def test_an_image_carries_who_asked_for_what_on_which_base() -> None:
    spec = replace(a_spec(), requirements=(PythonRequirement("mechanize", (), ">=0.4"),))
    assert labels_of(spec) == {
        "org.opencontainers.image.authors": "U123",
        "org.opencontainers.image.base.digest": BASE_ID,
        "org.opencontainers.image.base.name": "demisto/python3-deb:3.12.13.1",
        "org.opencontainers.image.created": "2026-05-04T10:00:00+00:00",
        "org.opencontainers.image.ref.name": "example_name:1.0.0.1700000000",
        "org.opencontainers.image.title": "example_name",
        "org.opencontainers.image.version": "1.0.0.1700000000",
        "warroom.channel": "C456",
        "warroom.job": "job-1",
        "warroom.request": '{"name":"example_name","base":"demisto/python3-deb:3.12.13.1",'
        '"dependencies":["mechanize>=0.4"],"packages":["wget"]}',
        "warroom.requester": "U123",
        "warroom.spec": spec_hash(spec),
    }


def test_what_is_written_is_read_back() -> None:
    spec = a_spec(base=a_base(digest=DIGEST))
    assert read_labels(labels_of(spec)) == MadeBy(
        job="job-1",
        requester="U123",
        channel="C456",
        spec=spec_hash(spec),
        version="1.0.0.1700000000",
        base_name="demisto/python3-deb:3.12.13.1",
        base_digest=DIGEST,
        created=datetime(2026, 5, 4, 10, 0, 0, tzinfo=UTC),
        request=Request(
            name="example_name",
            base="demisto/python3-deb:3.12.13.1",
            dependencies=("mechanize",),
            packages=("wget",),
        ),
    )


@pytest.mark.parametrize("labels", [{}, {"maintainer": "x"}, {"warroom.job": ""}, {"warroom.tool": "uv"}])
def test_an_image_of_somebody_else_is_none_of_ours(labels: dict[str, str]) -> None:
    assert read_labels(labels) is None


@pytest.mark.parametrize("created", ["", "yesterday", "2026-99-99"])
@pytest.mark.parametrize("request_text", ["", "{", "[]", '{"name": 1}', "null"])
def test_odd_labels_are_read_as_far_as_they_make_sense(created: str, request_text: str) -> None:
    made = read_labels(
        {"warroom.job": "j", "org.opencontainers.image.created": created, "warroom.request": request_text}
    )
    assert made == MadeBy("j", None, None, None, None, None, None, None, None)


def test_a_time_without_a_zone_is_taken_for_universal_time() -> None:
    made = read_labels({"warroom.job": "j", "org.opencontainers.image.created": "2026-05-04T10:00:00"})
    assert made is not None
    assert made.created == datetime(2026, 5, 4, 10, tzinfo=UTC)


def test_a_request_of_a_newer_version_is_still_understood() -> None:
    text = '{"name":"x","base":"b:1","dependencies":["a"],"packages":[],"later":true}'
    made = read_labels({"warroom.job": "j", "warroom.request": text})
    assert made is not None
    assert made.request == Request(name="x", base="b:1", dependencies=("a",))


def test_containers_of_a_job_carry_its_label() -> None:
    assert container_labels("job-1") == {"warroom.job": "job-1"}


def with_files(change: Callable[[PackageFile], PackageFile]) -> tuple[LockedPackage, ...]:
    return tuple(replace(one, file=change(one.file)) for one in a_spec().locked)


SAME = [
    replace(a_spec(), name="other"),
    replace(a_spec(), tag="9.9.9.9"),
    replace(a_spec(), locked=tuple(reversed(a_spec().locked))),
    replace(a_spec(), requirements=(PythonRequirement("mechanize", (), ">=0.1"),)),
    replace(a_spec(), locked=with_files(lambda file: replace(file, url="https://elsewhere.example/x", size=None))),
]
OTHER = [
    replace(a_spec(), os_packages=()),
    replace(a_spec(), os_packages=(OsPackage("wget", "1"),)),
    replace(a_spec(), locked=()),
    replace(a_spec(), locked=(*a_spec().locked, a_package("six"))),
    replace(a_spec(), locked=tuple(replace(one, version="9") for one in a_spec().locked)),
    replace(a_spec(), locked=with_files(lambda file: replace(file, sha256="0" * 64))),
    replace(a_spec(), locked=(a_source_package("mechanize", "0.4.10"), *a_spec().locked[:1])),
    replace(a_spec(), locked=tuple(replace(one, build_files=(a_wheel("setuptools"),)) for one in a_spec().locked)),
    replace(a_spec(), base=replace(a_base(), image_id=ImageId("sha256:" + "c" * 64))),
    replace(a_spec(), base=a_base(digest=DIGEST)),
    replace(a_spec(), base=a_base(architecture="arm64")),
]


@pytest.mark.parametrize("spec", SAME)
def test_what_does_not_change_the_content_does_not_change_the_hash(spec: ImageSpec) -> None:
    assert spec_hash(spec) == spec_hash(a_spec())


def test_whatever_changes_the_content_changes_the_hash() -> None:
    assert len({spec_hash(spec) for spec in [a_spec(), *OTHER]}) == len(OTHER) + 1


def test_the_hash_stays_the_same_from_release_to_release() -> None:
    assert spec_hash(a_spec()) == "sha256:644a7487b05298825f05cc2229394c853fffa8e91077d77beacab93a69961a43"


def test_a_base_with_a_digest_is_the_same_whatever_id_a_daemon_gives_it() -> None:
    base = a_base(digest=DIGEST)
    elsewhere = replace(base, image_id=ImageId("sha256:" + "c" * 64))
    assert spec_hash(a_spec(base=base)) == spec_hash(a_spec(base=elsewhere))

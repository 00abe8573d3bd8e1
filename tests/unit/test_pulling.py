"""The records of a pull, folded; and why an image did not arrive, in plain words."""

from typing import Any

import pytest

from commands.engine.interface import PullProgress
from commands.engine.pulling import PullStory, pull_problem
from commands.errors import ImageNotFound, PullFailed
from commands.model.references import Reference

DIGEST = f"sha256:{'d' * 64}"


def layer(name: str, status: str, current: int | None = None, total: int | None = None) -> dict[str, Any]:
    detail = {} if current is None else {"current": current, "total": total}
    return {"id": name, "status": status, "progressDetail": detail}


def told(*records: dict[str, Any]) -> list[PullProgress]:
    story = PullStory()
    return [progress for record in records if (progress := story.hear(record)) is not None]


def test_a_pull_is_counted_in_layers_and_bytes_until_all_is_there() -> None:
    assert told(
        {"id": "1", "status": "Pulling from team/a"},
        layer("base", "Already exists"),
        layer("one", "Pulling fs layer"),
        layer("two", "Pulling fs layer"),
        layer("one", "Downloading", 10, 100),
        layer("two", "Waiting"),
        layer("two", "Downloading", 5, 50),
        layer("one", "Download complete"),
        layer("one", "Extracting", 1, 9),
        layer("one", "Pull complete"),
        layer("two", "Pull complete"),
        {"status": f"Digest: {DIGEST}"},
    ) == [
        PullProgress(1, 1, 0, 0, all_sized=True),
        PullProgress(1, 2, 0, 0),
        PullProgress(1, 3, 0, 0),
        PullProgress(1, 3, 10, 100),
        PullProgress(1, 3, 15, 150, all_sized=True),
        PullProgress(1, 3, 105, 150, all_sized=True),
        PullProgress(2, 3, 105, 150, all_sized=True),
        PullProgress(3, 3, 150, 150, all_sized=True),
    ]


def test_a_layer_that_arrives_before_its_size_is_told_holds_nothing_up() -> None:
    assert told(layer("tiny", "Pulling fs layer"), layer("tiny", "Download complete"))[-1].all_sized


@pytest.mark.parametrize("total", [0, -1])
def test_a_size_that_the_registry_does_not_know_is_not_told(total: int) -> None:
    assert told(layer("one", "Downloading", 10, total)) == [PullProgress(0, 1, 10, 10)]


def test_the_digest_and_the_error_are_kept() -> None:
    story = PullStory()
    for record in ({"status": f"Digest: {DIGEST}"}, {"errorDetail": {"message": "EOF"}, "error": "EOF"}):
        story.hear(record)

    assert (story.digest, story.error) == (DIGEST, "EOF")


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("toomanyrequests: You have reached your pull rate limit.", "limit is used up"),
        ("received unexpected HTTP status: 429 Too Many Requests", "limit is used up"),
        ("unauthorized: authentication required", "requires a login"),
        ("Head http://r/v2/a/manifests/1: no basic auth credentials", "requires a login"),
        ("denied: requested access to the resource is denied", "may not read"),
        ("x509: certificate signed by unknown authority", "certificate"),
        ("dial tcp: lookup r on 1.1.1.1:53: no such host", "DNS"),
        ("http: server gave HTTP response to HTTPS client", "insecure-registries"),
        ("dial tcp 127.0.0.1:1: connect: connection refused", "Nothing listens"),
        ("read tcp 127.0.0.1:5: read: connection reset by peer", "closed the connection"),
        ("unexpected EOF", "closed the connection"),
        ("EOF", "closed the connection"),
        ("pulling geofence: something new", "reaches the registry"),
        ("net/http: TLS handshake timeout", "too slowly"),
        ("context deadline exceeded (Client.Timeout exceeded while awaiting headers)", "too slowly"),
        ("error parsing HTTP 404 response body: invalid character '<': \"<p>x509 denied</p>\"", "like a registry"),
        ("received unexpected HTTP status: 500 Internal Server Error", "internal error"),
        ("something new", "try again"),
    ],
)
def test_a_registry_that_gives_nothing_is_told_with_what_to_do(reason: str, hint: str) -> None:
    problem = pull_problem(Reference("r/a", tag="1"), reason)

    assert isinstance(problem, PullFailed)
    assert hint in problem.hint
    assert problem.details == ()


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        (Reference("a", tag="1"), "Check the name and the tag"),
        (Reference("a", digest=DIGEST), "may have deleted it"),
        (Reference("a", tag="1", digest=DIGEST), "may have deleted it"),
    ],
)
def test_an_image_that_the_registry_does_not_have_is_told_by_what_was_asked(reference: Reference, hint: str) -> None:
    problem = pull_problem(reference, "manifest unknown: manifest unknown")

    assert isinstance(problem, ImageNotFound)
    assert hint in problem.hint

"""Connections to a Docker daemon: the only place where set-up makes the SDK's client."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import docker
import requests
import urllib3
from docker.errors import APIError, DockerException
from docker.utils import kwargs_from_env

# A look at a daemon takes milliseconds; a stopped one would never answer.
LOOK_SECONDS = 3

# What the SDK lets through: its own exceptions, those of requests, and in mid-stream those of urllib3.
DAEMON_ERRORS = (DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError)


@contextmanager
def connect(address: str, *, idle_seconds: int) -> Iterator[docker.APIClient]:
    """Open a client for an address in the form of DOCKER_HOST; TLS follows the usual variables.

    Raises:
        one of `DAEMON_ERRORS`: nothing answers there.
    """
    options: Mapping[str, Any] = kwargs_from_env(environment={**os.environ, "DOCKER_HOST": address})
    client = docker.APIClient(**options, version="auto", timeout=idle_seconds)
    try:
        yield client
    finally:
        client.close()


def why_silent(address: str) -> str | None:
    """Return why no engine answers at an address, or None when one does."""
    try:
        with connect(address, idle_seconds=LOOK_SECONDS) as client:
            client.ping()
    except DAEMON_ERRORS as error:
        return reason(error)
    return None


def reason(error: Exception) -> str:
    """Return what the daemon or the system says, without what the SDK wraps around it."""
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation)
    told = [cause.strerror for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror]
    return told[-1] if told else str(error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and, one after the other, what it was made from."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def version(address: str) -> str:
    """Return the version of the engine that answers at an address."""
    with connect(address, idle_seconds=LOOK_SECONDS) as client:
        return str(client.version()["Version"])

"""Finding a Docker daemon and opening a client to it: the only importer of the Docker SDK.

The SDK knows where the daemon is, speaks to it over its socket, TLS or SSH, and has the registries' credentials.
"""

import socket
from typing import Any

import docker
import requests
import requests.adapters
import urllib3
import urllib3.connection
from docker.auth import get_config_header, resolve_repository_name
from docker.context import ContextAPI
from docker.errors import DockerException
from docker.transport import UnixHTTPAdapter
from docker.utils import kwargs_from_env

MISCONFIGURED = (DockerException, requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)
"""What is raised for an address, certificates or credentials that cannot be used as they are set."""

Client = docker.APIClient

_USUAL = "unix:///var/run/docker.sock"
_UNIX = "http+docker://"
_POOLED = 32
"""Connections that are kept open at most; further ones are opened and closed as needed."""


def endpoint_of(docker_host: str | None) -> str:
    """Say which daemon is meant, without talking to it; raises one of `MISCONFIGURED`."""
    return str(_found(docker_host).get("base_url") or _USUAL).replace("http+unix://", "unix://")


def new_client(docker_host: str | None, api_version: str) -> Client:
    """Make a client for many threads; it connects when it is first used. Raises one of `MISCONFIGURED`."""
    client = docker.APIClient(version=api_version, max_pool_size=_POOLED, **_found(docker_host))
    # A daemon is never behind the proxy that the environment names for the web, not even one on TCP.
    client.trust_env = False
    adapter = client.adapters.get(_UNIX)
    if isinstance(adapter, UnixHTTPAdapter):
        client.mount(_UNIX, _SocketAdapter(adapter.socket_path))
    return client


def credentials(client: Client, repository: str) -> dict[str, str]:
    """Give the header that logs in to a repository's registry, if the machine's Docker configuration has one."""
    registry, _ = resolve_repository_name(repository)
    header = get_config_header(client, registry)
    return {"X-Registry-Auth": header.decode("ascii")} if header else {}


def _found(docker_host: str | None) -> dict[str, Any]:
    """Find the daemon as Docker's command line does: DOCKER_HOST, or its current context, or the usual socket."""
    found: dict[str, Any] = dict(kwargs_from_env())
    if docker_host:
        found["base_url"] = docker_host
    elif "base_url" not in found:
        found.update(ContextAPI.kwargs_from_context())
    return found


class _SocketAdapter(requests.adapters.HTTPAdapter):
    """HTTP over a Unix socket, with one pool for all threads.

    The SDK's has a pool for each path, which threads can close on each other, and leaves sockets open on failure.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._pool = _SocketPool(path)

    def get_connection_with_tls_context(self, *_: object, **__: object) -> "_SocketPool":
        return self._pool

    def request_url(self, request: requests.PreparedRequest, _: object) -> str:
        return request.path_url

    def close(self) -> None:
        super().close()
        self._pool.close()


class _SocketPool(urllib3.HTTPConnectionPool):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", maxsize=_POOLED)
        self._path = path

    def _new_conn(self) -> "_SocketConnection":
        return _SocketConnection(self._path)


class _SocketConnection(urllib3.connection.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connecting.settimeout(self.timeout)
            connecting.connect(self._path)
        except OSError:
            connecting.close()
            raise
        self.sock = connecting

"""Finding a Docker daemon and opening a client to it: the only importer of the Docker SDK.

The SDK knows where the daemon is, speaks to it over its socket, TLS or SSH, and reads Docker's configuration file.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import docker
import requests
import requests.adapters
import urllib3
import urllib3.connection
from docker.auth import INDEX_URL, AuthConfig, load_config
from docker.context import ContextAPI
from docker.errors import DockerException, InvalidConfigFile
from docker.transport import UnixHTTPAdapter
from docker.utils import kwargs_from_env

MISCONFIGURED = (DockerException, requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)
"""What is raised for an address, certificates or credentials that cannot be used as they are set."""

Client = docker.APIClient

HUB_ADDRESS = INDEX_URL
"""What Docker's own registry is called in every store of logins."""
Watch = Callable[[socket.socket], None]
"""Is told of each connection before anything is asked over it."""

_STUMBLED = (ValueError, TypeError, AttributeError)
"""What the SDK raises for a configuration file (it reads it for each client) that has another shape than it thinks."""

_NO_CONFIGURATION = "Docker's configuration file holds something that is no login"

_USUAL = "unix:///var/run/docker.sock"
_UNIX = "http+docker://"
_POOLED = 32
"""Connections that are kept open at most; further ones are opened and closed as needed."""


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """What a configuration file has for one registry: the name of a credential helper, or a login; all may be empty."""

    helper: str
    username: str
    password: str = field(repr=False)
    identity_token: str = field(repr=False)


def endpoint_of(docker_host: str | None) -> str:
    """Say which daemon is meant, without talking to it; raises one of `MISCONFIGURED`."""
    return str(_found(docker_host).get("base_url") or _USUAL).replace("http+unix://", "unix://")


def new_client(docker_host: str | None, api_version: str, *, watch: Watch | None = None) -> Client:
    """Make a client for many threads; it connects when it is first used. Raises one of `MISCONFIGURED`.

    `watch` is not told of connections over SSH: those are the SDK's own.
    """
    try:
        client = docker.APIClient(version=api_version, max_pool_size=_POOLED, **_found(docker_host))
    except _STUMBLED:
        raise InvalidConfigFile(_NO_CONFIGURATION) from None
    # A daemon is never behind the proxy that the environment names for the web, not even one on TCP.
    client.trust_env = False
    adapter = client.adapters.get(_UNIX)
    if isinstance(adapter, UnixHTTPAdapter):
        client.mount(_UNIX, _SocketAdapter(adapter.socket_path, watch))
    elif watch is not None:
        for scheme in ("http://", "https://"):
            client.mount(scheme, _WatchedAdapter(watch))
    return client


def stored_login(config_file: str, registry: str) -> StoredLogin:
    """Read a configuration file of Docker; raises one of `MISCONFIGURED`."""
    try:
        stored = load_config(config_file)
        # On its own, because the SDK would ask the helper first.
        entry = AuthConfig({"auths": stored.auths}).resolve_authconfig(registry) or {}
        helper = stored.get_credential_store(registry)
    except _STUMBLED:  # Its text may hold what was to be decoded.
        raise InvalidConfigFile(_NO_CONFIGURATION) from None
    return StoredLogin(
        helper=str(helper or ""),
        username=str(entry.get("username") or ""),
        password=str(entry.get("password") or ""),
        identity_token=str(entry.get("IdentityToken") or ""),
    )


def _found(docker_host: str | None) -> dict[str, Any]:
    """Find the daemon as Docker's command line does: DOCKER_HOST, or its current context, or the usual socket."""
    # The SDK reads the environment by itself: DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH and DOCKER_CONTEXT here,
    # and DOCKER_CONFIG, for which it takes no other source.
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

    def __init__(self, path: str, watch: Watch | None) -> None:
        super().__init__()
        self._pool = _SocketPool(path, watch)

    def get_connection_with_tls_context(self, *_: object, **__: object) -> "_SocketPool":
        return self._pool

    def request_url(self, request: requests.PreparedRequest, _: object) -> str:
        return request.path_url

    def close(self) -> None:
        super().close()
        self._pool.close()


class _SocketPool(urllib3.HTTPConnectionPool):
    def __init__(self, path: str, watch: Watch | None) -> None:
        super().__init__("localhost", maxsize=_POOLED)
        self._path = path
        self._watch = watch

    def _new_conn(self) -> "_SocketConnection":
        return _SocketConnection(self._path, self._watch)


class _SocketConnection(urllib3.connection.HTTPConnection):
    def __init__(self, path: str, watch: Watch | None) -> None:
        super().__init__("localhost")
        self._path = path
        self._watch = watch

    def connect(self) -> None:
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connecting.settimeout(self.timeout)
            connecting.connect(self._path)
        except OSError:
            connecting.close()
            raise
        self.sock = connecting
        if self._watch is not None:
            self._watch(connecting)


class _WatchedAdapter(requests.adapters.HTTPAdapter):
    """HTTP and HTTPS over TCP, with every connection told."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()

        class Plain(urllib3.connection.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                watch(self.sock)

        class Encrypted(urllib3.connection.HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                watch(self.sock)

        class PlainPool(urllib3.HTTPConnectionPool):
            ConnectionCls = Plain

        class EncryptedPool(urllib3.HTTPSConnectionPool):
            ConnectionCls = Encrypted

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": EncryptedPool}

"""Finds a Docker daemon and opens a client for it: the only importer of the Docker SDK.

The SDK locates the daemon, connects over its socket, TLS or SSH, and reads Docker's configuration file.
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
"""The exceptions for an address, certificates or credentials that are not usable as configured."""

Client = docker.APIClient

HUB_ADDRESS = INDEX_URL
"""The key of Docker Hub in every credential store."""
Watch = Callable[[socket.socket], None]
"""Called with each connection before a request is sent over it."""

_SDK_FAULTS = (ValueError, TypeError, AttributeError)
"""What the SDK raises for a configuration file of an unexpected structure; it reads the file for each client."""

_NO_CONFIGURATION = "Docker's configuration file has an entry that is not a login"

_USUAL = "unix:///var/run/docker.sock"
_UNIX = "http+docker://"
_POOLED = 32
"""Maximum number of pooled connections; more are opened and closed as needed."""


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """A configuration file's entry for one registry: a credential helper's name or a login; all fields may be empty."""

    helper: str
    username: str
    password: str = field(repr=False)
    identity_token: str = field(repr=False)


def endpoint_of(docker_host: str | None) -> str:
    """Return the daemon's address without connecting to it; raises one of `MISCONFIGURED`."""
    return str(_client_options(docker_host).get("base_url") or _USUAL).replace("http+unix://", "unix://")


def new_client(docker_host: str | None, api_version: str, *, watch: Watch | None = None) -> Client:
    """Create a thread-safe client, which connects on first use; raises one of `MISCONFIGURED`.

    `watch` is not called for connections over SSH: the SDK opens those itself.
    """
    try:
        client = docker.APIClient(version=api_version, max_pool_size=_POOLED, **_client_options(docker_host))
    except _SDK_FAULTS:
        raise InvalidConfigFile(_NO_CONFIGURATION) from None
    # Ignore HTTP_PROXY and the like: a daemon is never behind that proxy, not even one on TCP.
    client.trust_env = False
    adapter = client.adapters.get(_UNIX)
    if isinstance(adapter, UnixHTTPAdapter):
        client.mount(_UNIX, _SocketAdapter(adapter.socket_path, watch))
    elif watch is not None:
        for scheme in ("http://", "https://"):
            client.mount(scheme, _WatchedAdapter(watch))
    return client


def stored_login(config_file: str, registry: str) -> StoredLogin:
    """Read a registry's entry in a Docker configuration file; raises one of `MISCONFIGURED`."""
    try:
        stored = load_config(config_file)
        # Without `credsStore`, because the SDK would ask the helper first.
        entry = AuthConfig({"auths": stored.auths}).resolve_authconfig(registry) or {}
        helper = stored.get_credential_store(registry)
    except _SDK_FAULTS:  # Its text may contain the encoded login.
        raise InvalidConfigFile(_NO_CONFIGURATION) from None
    return StoredLogin(
        helper=str(helper or ""),
        username=str(entry.get("username") or ""),
        password=str(entry.get("password") or ""),
        identity_token=str(entry.get("IdentityToken") or ""),
    )


def _client_options(docker_host: str | None) -> dict[str, Any]:
    """Locate the daemon as the Docker CLI does: DOCKER_HOST, the current context, or the default socket."""
    # The SDK reads the environment itself: DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH and DOCKER_CONTEXT here,
    # and DOCKER_CONFIG, which it accepts from nowhere else.
    found: dict[str, Any] = dict(kwargs_from_env())
    if docker_host:
        found["base_url"] = docker_host
    elif "base_url" not in found:
        found.update(ContextAPI.kwargs_from_context())
    return found


class _SocketAdapter(requests.adapters.HTTPAdapter):
    """HTTP over a Unix socket, with one pool for all threads.

    The SDK's adapter has one pool per path, which one thread can close under another, and leaks sockets on failure.
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
    """HTTP and HTTPS over TCP; calls `watch` with each connection."""

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

"""A host on loopback that answers as a test says, and records what it was asked."""

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.fakes.loopback import Loopback, LoopbackRequest, Reply, Respond, listening

DIGEST = f"sha256:{'4d' * 32}"
_PATIENCE = 120.0


@dataclass(slots=True)
class ScriptedRegistry:
    """What is there; `respond` may be changed at any time, as may the server's `tls`."""

    server: Loopback
    respond: Respond
    requests: list[LoopbackRequest] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Host and port."""
        return self.server.address

    @property
    def outside(self) -> str:
        """The same host under a name that is not of loopback: Docker wants TLS there."""
        return self.address.replace("127.0.0.1", "0.0.0.0")

    def answer(self, request: LoopbackRequest) -> Reply:
        self.requests.append(request)
        return self.respond(request)

    @property
    def asked(self) -> list[tuple[str, str, str | None]]:
        """Method, path and `Authorization` of each request so far."""
        return [(request.method, request.path, request.authorization) for request in self.requests]


@contextmanager
def scripted(respond: Respond, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedRegistry]:
    """Serve on a free port of 127.0.0.1."""
    with listening(tls) as server:
        script = ScriptedRegistry(server, respond)
        server.respond = script.answer
        yield script


def found(digest: str | None = DIGEST, **headers: str) -> Reply:
    """Answer as a registry that has the image; `_` in the name of a header stands for `-`."""
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(200, own if digest is None else {"Docker-Content-Digest": digest, **own})


def fails(status: int, headers: Mapping[str, str] | None = None) -> Respond:
    """Answer everything with this status."""
    return lambda _: Reply(status, headers or {})


def resets(_: LoopbackRequest) -> Reply:
    """Break off instead of an answer."""
    raise ConnectionResetError


def says(content: object, status: int = 200) -> Reply:
    """Answer with JSON, or with the very bytes."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Reply(status, {"Content-Type": "application/json"}, [body], len(body))


def basic(user: str, password: str) -> str:
    """Write the header that logs in."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def with_password(user: str, password: str) -> Respond:
    """Be a registry that wants a password at each request."""

    def respond(request: LoopbackRequest) -> Reply:
        if request.authorization == basic(user, password):
            return found()
        return Reply(401, {"WWW-Authenticate": 'Basic realm="ours, and yours"'})

    return respond


def with_tokens(
    realm: Callable[[], str], wanted: str | None = None, token: Mapping[str, object] | None = None
) -> Respond:
    """Be a registry that wants tokens, and its token service, which lets `wanted` in: a header, a refresh token, all.

    The token is `t0k3n` unless `token` says what is answered.
    """

    def respond(request: LoopbackRequest) -> Reply:
        url = urlsplit(request.path)
        if url.path == "/token":
            form = parse_qs(request.body.decode()).get("refresh_token", [None])[0]
            welcome = wanted in (None, request.authorization, form)
            return says(token or {"token": "t0k3n"}) if welcome else says({}, 401)
        if request.authorization == "Bearer t0k3n":
            return found()
        challenge = f'Bearer realm="{realm()}",service="a service",scope="repository:a/b:pull"'
        return Reply(401, {"WWW-Authenticate": challenge})

    return respond


class SilentHost:
    """Be a host that takes requests and says nothing until `end`; or next to nothing, which keeps time-outs off."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def respond(self, _: LoopbackRequest) -> Reply:
        self._over.wait(_PATIENCE)
        raise ConnectionResetError

    def drip(self, _: LoopbackRequest) -> Reply:
        return Reply(0, parts=self._drops())

    def drip_status(self, _: LoopbackRequest) -> Reply:
        return Reply(0, parts=self._drops(b""))

    def drip_body(self, _: LoopbackRequest) -> Reply:
        return Reply(200, parts=self._drops(), length=1 << 20)

    def _drops(self, first: bytes = b"HTTP/1.0 200 OK\r\nName: ") -> Iterator[bytes]:
        yield first
        while not self._over.wait(0.05):
            yield b"a"

    def end(self) -> None:
        self._over.set()

"""Logins and tokens for registries, obtained on a challenge and cached until they expire.

A login is sent only to its own registry and to the token service that this registry names, and only over a protected
connection; a token service that was named over an unprotected connection gets none.
"""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from http import HTTPStatus
from typing import assert_never
from urllib.parse import SplitResult

from commands.engine.interface import Login
from commands.errors import LoginRefused, Problem
from commands.model.references import Reference
from commands.registry.challenge import Basic, Bearer, Challenge
from commands.registry.problems import (
    access_denied,
    invalid_answer,
    no_access,
    token_only,
    unprotected_login,
    unreachable,
)
from commands.registry.sites import Site, Way, http_url, is_inside, is_loopback
from commands.registry.trust import Trust
from commands.registry.wire import Answer, Unanswered, Wire

_CLIENT = "warroom"
_HEADERS = {"User-Agent": _CLIENT}
_REFUSALS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_TOKEN = re.compile(r"[!-~]{1,16384}")
_BASIC_SECONDS = 300.0
"""How long a password is cached; then the configuration is read again, because somebody may have logged in."""
_TOKEN_SECONDS = 60.0
"""The lifetime of a token without `expires_in`; from the token specification of the distribution project."""
_LONGEST_TOKEN_SECONDS = 3600
_MARGIN = 5.0
"""Seconds before its expiry at which a token is no longer used."""


class Identity(Enum):
    """The identity of a request to a registry.

    With a login (`SOMEBODY`), or without one: because the registry did not ask (`UNASKED`), because none is configured
    (`NOBODY`), or because the connection is not protected (`WITHHELD`).
    """

    SOMEBODY = auto()
    UNASKED = auto()
    NOBODY = auto()
    WITHHELD = auto()


@dataclass(frozen=True, slots=True)
class Grant:
    """A value for `Authorization`, and its expiry on the monotonic clock."""

    header: str = field(repr=False)
    until: float
    identity: Identity


@dataclass(frozen=True, slots=True)
class DigestQuestion:
    """A request for an image at a registry, over a way that answered."""

    reference: Reference
    site: Site
    way: Way

    @property
    def path(self) -> str:
        """The repository's path at this registry."""
        return self.site.path_of(self.reference)


_Key = tuple[Site, Way, str]


class RegistryAccess:
    """Obtains and caches grants. Thread-safe; two threads that need one token at the same time may both fetch it."""

    def __init__(
        self,
        wire: Wire,
        trust: Trust,
        login: Callable[[str], Login | None],
        status_problem: Callable[[Site, Answer], Problem],
        monotonic: Callable[[], float],
    ) -> None:
        self._wire = wire
        self._trust = trust
        self._login = login
        self._status_problem = status_problem
        self._monotonic = monotonic
        self._grants: dict[_Key, Grant] = {}

    def cached_grant(self, question: DigestQuestion) -> Grant | None:
        """Return an unexpired grant for this repository or this registry."""
        kept = (self._grants.get(key) for key in _keys(question))
        return next((grant for grant in kept if grant and grant.until > self._monotonic()), None)

    def forget(self, question: DigestQuestion) -> None:
        """Drop rejected grants."""
        for key in _keys(question):
            self._grants.pop(key, None)

    def obtain(self, challenge: Challenge, question: DigestQuestion) -> Grant:
        """Obtain the grant that a challenge asks for; raises `LoginRefused` and problems of the token service."""
        of_repository, of_registry = _keys(question)
        match challenge:
            case Basic():
                key, grant = of_registry, self._with_password(question)
            case Bearer():
                key, grant = of_repository, self._with_token(challenge, question)
            case _:
                assert_never(challenge)
        self._drop_expired()
        self._grants[key] = grant
        return grant

    def _drop_expired(self) -> None:
        """Drop expired grants: people may ask for any number of repositories."""
        now = self._monotonic()
        for key, grant in list(self._grants.items()):
            if grant.until <= now:
                self._grants.pop(key, None)

    def refusal(self, question: DigestQuestion, identity: Identity) -> LoginRefused:
        """Return the problem that the registry does not show the image."""
        site, reference = question.site, question.reference
        match identity:
            case Identity.WITHHELD:
                return unprotected_login(site.name, reference, self._trust.folder_of(site.host))
            case Identity.UNASKED:
                return no_access(site.name, reference)
            case Identity.SOMEBODY | Identity.NOBODY:
                return access_denied(site.name, reference, had_login=identity is Identity.SOMEBODY)

    def _find_login(self, question: DigestQuestion, *, protected: bool) -> tuple[Login | None, Identity]:
        """Look up the registry's login if the connection is protected."""
        if not protected:
            return None, Identity.WITHHELD
        login = self._login(question.site.name)
        return login, Identity.SOMEBODY if login else Identity.NOBODY

    def _with_password(self, question: DigestQuestion) -> Grant:
        login, identity = self._find_login(question, protected=question.way.is_protected)
        if login is None:
            raise self.refusal(question, identity)
        if not login.password:
            raise token_only(question.site.name)
        return Grant(_basic(login), self._monotonic() + _BASIC_SECONDS, identity)

    def _with_token(self, challenge: Bearer, question: DigestQuestion) -> Grant:
        realm = self._realm(challenge, question)
        way = Way(realm.scheme, realm.netloc, checked=_is_checked(realm, question.way))
        login, identity = self._find_login(question, protected=question.way.is_protected and way.is_protected)
        answer = self._ask(realm, challenge, question, login)
        if answer.status in _REFUSALS:
            raise self.refusal(question, identity)
        if answer.status != HTTPStatus.OK:
            raise self._status_problem(question.site, answer)
        token, seconds = _token_in(answer.body, question.site)
        return Grant(f"Bearer {token}", self._monotonic() + seconds - _MARGIN, identity)

    def _realm(self, challenge: Bearer, question: DigestQuestion) -> SplitResult:
        realm = http_url(challenge.realm)
        if realm is None:
            raise invalid_answer(question.site.name, "names a token service without a valid address")
        if realm.scheme == "http" and question.way.scheme == "https":
            raise invalid_answer(question.site.name, "names a token service without TLS, which is not asked")
        if is_inside(realm.netloc) and not is_inside(question.site.host):
            raise invalid_answer(
                question.site.name, "names a token service in the internal network, which is not asked"
            )
        return realm

    def _ask(self, realm: SplitResult, challenge: Bearer, question: DigestQuestion, login: Login | None) -> Answer:
        # The registry's certificates also apply to its token service, as in the daemon.
        way = Way(realm.scheme, question.way.host, checked=_is_checked(realm, question.way))
        asked = {"service": challenge.service, "scope": challenge.scope or f"repository:{question.path}:pull"}
        send = partial(self._wire.send, url=realm.geturl(), way=way)
        try:
            if login is not None and login.identity_token:
                form = {"grant_type": "refresh_token", "refresh_token": login.identity_token, "client_id": _CLIENT}
                return send("POST", headers=_HEADERS, form=form | asked)
            headers = _HEADERS | ({"Authorization": _basic(login)} if login else {})
            # Several scopes are one field of words in a form, but several parameters in a URL.
            return send("GET", headers=headers, params={**asked, "scope": asked["scope"].split()})
        except Unanswered as fault:
            folder = self._trust.folder_of(question.site.host)
            raise unreachable(question.site.name, fault, folder) from fault


def _keys(question: DigestQuestion) -> tuple[_Key, _Key]:
    """Return the cache keys of the repository and of the whole registry."""
    return (question.site, question.way, question.path), (question.site, question.way, "")


def _is_checked(realm: SplitResult, way: Way) -> bool:
    """Return whether a token service's certificate is verified; it is not if the registry's is not."""
    return realm.scheme == "https" and (way.checked or (is_loopback(way.host) and not is_loopback(realm.netloc)))


def _basic(login: Login) -> str:
    return f"Basic {base64.b64encode(f'{login.username}:{login.password}'.encode()).decode('ascii')}"


def _token_in(body: bytes, site: Site) -> tuple[str, float]:
    """Parse a token and its lifetime in seconds."""
    match _object(body):
        case {"token": str(token), **rest} | {"access_token": str(token), **rest} if _TOKEN.fullmatch(token):
            match rest.get("expires_in"):
                case int(seconds) if seconds > 0:
                    return token, float(min(seconds, _LONGEST_TOKEN_SECONDS))
                case _:
                    return token, _TOKEN_SECONDS
        case _:
            raise invalid_answer(site.name, "has a token service that returns no token")


def _object(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None

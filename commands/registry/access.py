"""Logins and tokens: what a registry wants to see, fetched when it asks and kept while it is good.

A login goes to its own registry and to the token service that this registry names, and only over a way that is
protected; what was named over one that is not gets none.
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
from commands.registry.problems import forbidden, nonsense, refused, token_only, unreachable, withheld
from commands.registry.sites import Site, Way, http_url, is_inside, is_loopback
from commands.registry.trust import Trust
from commands.registry.wire import Answer, Unanswered, Wire

_CLIENT = "warroom"
_HEADERS = {"User-Agent": _CLIENT}
_REFUSALS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_TOKEN = re.compile(r"[!-~]{1,16384}")
_BASIC_SECONDS = 300.0
"""How long a password is kept before the machine's configuration is asked again: somebody may have logged in anew."""
_TOKEN_SECONDS = 60.0
"""How long a token is good that does not say so; the token specification of the distribution project."""
_LONGEST_TOKEN_SECONDS = 3600
_MARGIN = 5.0
"""Seconds before its end at which a token is not used any more."""


class Standing(Enum):
    """As whom a registry is asked.

    As somebody; as nobody: because it did not want to know, for want of a login, or to keep that to ourselves.
    """

    SOMEBODY = auto()
    UNASKED = auto()
    NOBODY = auto()
    WITHHELD = auto()


@dataclass(frozen=True, slots=True)
class Grant:
    """What to send as `Authorization`, and until when, by the monotonic clock."""

    header: str = field(repr=False)
    until: float
    standing: Standing


@dataclass(frozen=True, slots=True)
class DigestQuestion:
    """What is asked, and where: an image at a registry, along a way that answered."""

    reference: Reference
    site: Site
    way: Way

    @property
    def path(self) -> str:
        """The repository, as the registry at hand calls it."""
        return self.site.path_of(self.reference)


_Key = tuple[Site, Way, str]


class Access:
    """Used by many threads at once; two that ask for one token at the same time may fetch it twice."""

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

    def remembered(self, question: DigestQuestion) -> Grant | None:
        """Find what was good for this registry, or for this repository in it, and still is."""
        kept = (self._grants.get(key) for key in _keys(question))
        return next((grant for grant in kept if grant and grant.until > self._monotonic()), None)

    def forget(self, question: DigestQuestion) -> None:
        """Drop what turned out not to be good."""
        for key in _keys(question):
            self._grants.pop(key, None)

    def obtain(self, challenge: Challenge, question: DigestQuestion) -> Grant:
        """Get what the registry asks for; raises `LoginRefused` and what the token service is at fault for."""
        of_repository, of_registry = _keys(question)
        match challenge:
            case Basic():
                key, grant = of_registry, self._with_password(question)
            case Bearer():
                key, grant = of_repository, self._with_token(challenge, question)
            case _:
                assert_never(challenge)
        self._grants[key] = grant
        return grant

    def refusal(self, question: DigestQuestion, standing: Standing) -> LoginRefused:
        """Tell that the registry does not show the image."""
        site, reference = question.site, question.reference
        match standing:
            case Standing.WITHHELD:
                return withheld(site.name, reference, self._trust.folder_of(site.host))
            case Standing.UNASKED:
                return forbidden(site.name, reference)
            case Standing.SOMEBODY | Standing.NOBODY:
                return refused(site.name, reference, had_login=standing is Standing.SOMEBODY)

    def _found(self, question: DigestQuestion, *, protected: bool) -> tuple[Login | None, Standing]:
        """Look up the registry's own login, if it may be sent at all."""
        if not protected:
            return None, Standing.WITHHELD
        login = self._login(question.site.name)
        return login, Standing.SOMEBODY if login else Standing.NOBODY

    def _with_password(self, question: DigestQuestion) -> Grant:
        login, standing = self._found(question, protected=question.way.is_protected)
        if login is None:
            raise self.refusal(question, standing)
        if not login.password:
            raise token_only(question.site.name)
        return Grant(_basic(login), self._monotonic() + _BASIC_SECONDS, standing)

    def _with_token(self, challenge: Bearer, question: DigestQuestion) -> Grant:
        realm = self._realm(challenge, question)
        way = Way(realm.scheme, realm.netloc, checked=_checked(realm, question.way))
        login, standing = self._found(question, protected=question.way.is_protected and way.is_protected)
        answer = self._ask(realm, challenge, question, login)
        if answer.status in _REFUSALS:
            raise self.refusal(question, standing)
        if answer.status != HTTPStatus.OK:
            raise self._status_problem(question.site, answer)
        token, seconds = _token_in(answer.body, question.site)
        return Grant(f"Bearer {token}", self._monotonic() + seconds - _MARGIN, standing)

    def _realm(self, challenge: Bearer, question: DigestQuestion) -> SplitResult:
        realm = http_url(challenge.realm)
        if realm is None:
            raise nonsense(question.site.name, "names a token service that has no address")
        if realm.scheme == "http" and question.way.scheme == "https":
            raise nonsense(question.site.name, "names a token service without TLS, which is not asked")
        if is_inside(realm.netloc) and not is_inside(question.site.host):
            raise nonsense(question.site.name, "names a token service of the inner network, which is not asked")
        return realm

    def _ask(self, realm: SplitResult, challenge: Bearer, question: DigestQuestion, login: Login | None) -> Answer:
        # The registry's own certificates count for its token service too, as for the daemon.
        way = Way(realm.scheme, question.way.host, checked=_checked(realm, question.way))
        asked = {"service": challenge.service, "scope": challenge.scope or f"repository:{question.path}:pull"}
        send = partial(self._wire.send, url=realm.geturl(), way=way)
        try:
            if login is not None and login.identity_token:
                form = {"grant_type": "refresh_token", "refresh_token": login.identity_token, "client_id": _CLIENT}
                return send("POST", headers=_HEADERS, form=form | asked)
            headers = _HEADERS | ({"Authorization": _basic(login)} if login else {})
            # Several scopes are one word each in a form, but several parameters in an address.
            return send("GET", headers=headers, params={**asked, "scope": asked["scope"].split()})
        except Unanswered as fault:
            folder = self._trust.folder_of(question.site.host)
            raise unreachable(question.site.name, fault, folder) from fault


def _keys(question: DigestQuestion) -> tuple[_Key, _Key]:
    """Name what is kept for the repository, and what is kept for the whole registry."""
    return (question.site, question.way, question.path), (question.site, question.way, "")


def _checked(realm: SplitResult, way: Way) -> bool:
    """Say whether the certificate of a token service must be trusted: it need not where the registry's need not."""
    return realm.scheme == "https" and (way.checked or (is_loopback(way.host) and not is_loopback(realm.netloc)))


def _basic(login: Login) -> str:
    return f"Basic {base64.b64encode(f'{login.username}:{login.password}'.encode()).decode('ascii')}"


def _token_in(body: bytes, site: Site) -> tuple[str, float]:
    """Read a token and for how many seconds it is good."""
    match _object(body):
        case {"token": str(token), **rest} | {"access_token": str(token), **rest} if _TOKEN.fullmatch(token):
            match rest.get("expires_in"):
                case int(seconds) if seconds > 0:
                    return token, float(min(seconds, _LONGEST_TOKEN_SECONDS))
                case _:
                    return token, _TOKEN_SECONDS
        case _:
            raise nonsense(site.name, "has a token service that gives no token")


def _object(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None

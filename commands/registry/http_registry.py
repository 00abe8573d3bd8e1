"""Registries over HTTP: one HEAD request returns a name's digest, which registries do not count as a pull."""

import re
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

from commands.engine.interface import Login, RegistryRules
from commands.errors import (
    ImageNotFound,
    LoginRefused,
    Misconfigured,
    Problem,
    RegistryLimited,
    RegistryUnreachable,
)
from commands.memory import Memory
from commands.model.images import Digest
from commands.model.references import HUB, Malformed, Reference
from commands.registry.access import DigestQuestion, Grant, Identity, RegistryAccess
from commands.registry.challenge import challenge_in
from commands.registry.interface import Remote
from commands.registry.limits import Waits, quota_in, seconds_to_wait
from commands.registry.problems import invalid_answer, not_found, odd_status, rate_limited, unreachable
from commands.registry.sites import Site, Way, http_url, is_inside, is_loopback, site_in, site_of, ways_to
from commands.registry.trust import Trust
from commands.registry.wire import Answer, Trouble, Unanswered, Wire
from commands.text import quote

# Not `oras`: its requests have no timeouts, and its session reads `.netrc`.

# An index first: for a multi-platform image the daemon records the index's digest at a pull.
_ACCEPTED = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_HEADERS = {"Accept": ", ".join(_ACCEPTED), "User-Agent": "warroom"}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REDIRECTS = (
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
)
_MOST_REDIRECTS = 4
_RULES_SECONDS = 60.0
"""How long the daemon's rules are cached; they change only when it restarts."""


class HttpRegistry:
    """All registries. `rules` and `login` are the engine's; there is no request before a lookup.

    `mirror` (`host[:port][/prefix]`) answers for Docker Hub. `certificates` is a folder like Docker's `certs.d`,
    `ca_bundle` a file of additional CAs; `clock` returns epoch seconds, `seconds` is the timeout without data.
    Raises `Misconfigured` if the mirror's address is malformed.
    """

    def __init__(
        self,
        rules: Callable[[], RegistryRules],
        login: Callable[[str], Login | None],
        *,
        mirror: str | None = None,
        certificates: Path | None = None,
        ca_bundle: Path | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        seconds: float = 10.0,
    ) -> None:
        self._read_rules = rules
        self._mirror = _mirror(mirror) if mirror else None
        self._clock = clock
        self._monotonic = monotonic
        self._trust = Trust(certificates, ca_bundle)
        self._wire = Wire(self._trust, seconds, monotonic)
        self._waits = Waits(monotonic)
        self._access = RegistryAccess(self._wire, self._trust, login, self._problem_of, monotonic)
        self._known_ways: dict[Site, Way] = {}
        self._rules = Memory[None, RegistryRules](1, _RULES_SECONDS, monotonic)

    def close(self) -> None:
        """Close the pooled connections; the object remains usable."""
        self._wire.close()

    def look_up(self, reference: Reference) -> Remote:
        """Return the digest of a name's tag (`latest` by default), by one HEAD request.

        Raises `ImageNotFound`, `LoginRefused`, `RegistryLimited` (without a request while a `Retry-After` lasts),
        `RegistryUnreachable`, and what `rules` and `login` raise.
        """
        *mirrors, last = self._sites(reference)
        for mirror in mirrors:
            try:
                return self._look_up(reference, mirror)
            except (ImageNotFound, LoginRefused, RegistryLimited, RegistryUnreachable):
                continue  # Skip a mirror that fails, as the daemon does.
        return self._look_up(reference, last)

    def _sites(self, reference: Reference) -> Iterator[Site]:
        """Yield the sites for a lookup, in order."""
        if reference.registry == HUB and self._mirror:
            yield self._mirror
            return
        rules = self._current_rules(reference.registry)
        if reference.registry == HUB:
            yield from (site for site in map(_mirror_of_daemon, rules.mirrors) if site)
        yield site_of(reference, rules)

    def _current_rules(self, host: str) -> RegistryRules:
        if is_loopback(host):  # The daemon's rules do not affect loopback.
            return RegistryRules(hub="")
        return self._rules.get_or_make(None, self._read_rules)

    def _look_up(self, reference: Reference, site: Site) -> Remote:
        if left := self._waits.seconds_left(site.host):
            raise rate_limited(site.name, left)
        question, answer = self._first_answer(reference, site, *self._ways_to(site))
        answer = self._authorize(question, answer)
        match answer.status:
            case HTTPStatus.OK:
                digest = _digest_in(answer, site)
                return Remote(digest, self._source(reference, site, digest), quota_in(answer.headers))
            case HTTPStatus.NOT_FOUND:
                raise not_found(site.name, reference)
            case _:
                # A registry that has switched to TLS answers plain HTTP with a bad request: try all ways next time.
                self._known_ways.pop(site, None)
                raise self._problem_of(site, answer)

    def _source(self, reference: Reference, site: Site, digest: Digest) -> Reference:
        # The daemon uses its own mirrors by default; the bot's mirror must be named.
        repository = f"{site.host}/{site.path_of(reference)}" if site is self._mirror else reference.repository
        return Reference(repository, digest=digest)

    def _ways_to(self, site: Site) -> tuple[Way, ...]:
        """Return the way that worked before, otherwise all allowed ways."""
        own = bool(self._trust.own(site.host).files)
        ways = ways_to(site, self._current_rules(site.host).insecure, has_own_certificates=own)
        return tuple(way for way in ways if way == self._known_ways.get(site)) or ways

    def _first_answer(self, reference: Reference, site: Site, way: Way, *others: Way) -> tuple[DigestQuestion, Answer]:
        question = DigestQuestion(reference, site, way)
        try:
            answer = self._head(question, self._access.cached_grant(question))
        except Unanswered as fault:
            self._known_ways.pop(site, None)
            if fault.trouble is Trouble.SILENT or not others:
                raise self._unreachable(site, fault) from fault
        else:
            self._known_ways[site] = way
            return question, answer
        return self._first_answer(reference, site, *others)

    def _authorize(self, question: DigestQuestion, answer: Answer) -> Answer:
        """Answer the registry's challenge, once."""
        grant = self._access.cached_grant(question)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._access.forget(question)
            challenge = challenge_in(answer.headers.get("WWW-Authenticate", ""))
            if challenge is None:
                raise invalid_answer(question.site.name, "requires a kind of login that Docker does not support")
            grant = self._access.obtain(challenge, question)
            answer = self._head_or_fail(question, grant)
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            self._access.forget(question)
            raise self._access.refusal(question, grant.identity if grant else Identity.UNASKED)
        return answer

    def _head_or_fail(self, question: DigestQuestion, grant: Grant) -> Answer:
        try:
            return self._head(question, grant)
        except Unanswered as fault:
            raise self._unreachable(question.site, fault) from fault

    def _head(self, question: DigestQuestion, grant: Grant | None) -> Answer:
        """Send the HEAD request and follow redirects; credentials are sent only to the registry itself."""
        tag = question.reference.tag or question.reference.digest or "latest"
        way, url = question.way, f"{question.way.scheme}://{question.way.host}/v2/{question.path}/manifests/{tag}"
        for _ in range(_MOST_REDIRECTS):
            own = {"Authorization": grant.header} if grant and way == question.way else {}
            answer = self._wire.send("HEAD", url, way, headers=_HEADERS | own)
            if answer.status not in _REDIRECTS:
                return answer if way == question.way else _of_elsewhere(answer, question.site)
            url, way = _next(url, answer.headers.get("Location", ""), way, question.site)
        raise invalid_answer(question.site.name, "redirects too many times")

    def _problem_of(self, site: Site, answer: Answer) -> Problem:
        if answer.status != HTTPStatus.TOO_MANY_REQUESTS:
            return odd_status(site.name, answer.status)
        seconds = seconds_to_wait(answer.headers.get("Retry-After"), self._clock())
        self._waits.begin(site.host, seconds)
        return rate_limited(site.name, seconds)

    def _unreachable(self, site: Site, fault: Unanswered) -> RegistryUnreachable:
        return unreachable(site.name, fault, self._trust.folder_of(site.host))


def _mirror(address: str) -> Site:
    try:
        site, example = site_in(address), Reference.parse(f"{address}/library/name")
    except (ValueError, Malformed) as fault:
        raise _no_mirror(address) from fault
    if example.registry != site.host:  # Docker would treat it as a path on Docker Hub.
        raise _no_mirror(address)
    return site


def _no_mirror(address: str) -> Misconfigured:
    return Misconfigured(
        f"The mirror {quote(address)} is not the address of a registry.",
        hint="Set it to `host:port` or `host/prefix`, in lower case and without a scheme.",
    )


def _mirror_of_daemon(address: str) -> Site | None:
    try:
        return site_in(address)
    except ValueError:  # Lenient with the daemon: it may accept other addresses.
        return None


def _next(url: str, location: str, way: Way, site: Site) -> tuple[str, Way]:
    """Return the target of a redirect and the way to it.

    A redirect must not leave TLS, and must not lead from outside to this machine or the internal network.
    """
    target = http_url(location, seen_from=url)
    if target is None:
        raise invalid_answer(site.name, "redirects to an invalid address")
    if (target.scheme, target.netloc.lower()) == (way.scheme, way.host.lower()):
        return target.geturl(), way
    if target.scheme == "http" and (way.scheme == "https" or not is_loopback(target.netloc)):
        raise invalid_answer(site.name, "redirects to a host without TLS")
    if is_loopback(target.netloc) and not is_loopback(site.host):
        raise invalid_answer(site.name, "redirects to this machine")
    if is_inside(target.netloc) and not is_inside(site.host):
        raise invalid_answer(site.name, "redirects to the internal network")
    checked = target.scheme == "https" and not is_loopback(target.netloc)
    return target.geturl(), Way(target.scheme, target.netloc, checked=checked)


def _of_elsewhere(answer: Answer, site: Site) -> Answer:
    """Return the answer of a redirect's target unless it requires a login."""
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise invalid_answer(site.name, "redirects to another host that requires a login")
    return answer


def _digest_in(answer: Answer, site: Site) -> Digest:
    digest = answer.headers.get("Docker-Content-Digest")
    if digest is None:
        raise invalid_answer(site.name, "does not send digests")
    if not _DIGEST.fullmatch(digest):
        raise invalid_answer(site.name, "sends a malformed digest")
    return Digest(digest)

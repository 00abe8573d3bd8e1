"""Registries over HTTP: one HEAD tells which manifest a name stands for, which no registry counts as a pull."""

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
from commands.model.images import Digest
from commands.model.references import HUB, Malformed, Reference, quoted
from commands.registry.access import Access, DigestQuestion, Grant, Standing
from commands.registry.challenge import challenge_in
from commands.registry.interface import Remote
from commands.registry.limits import Waits, quota_in, seconds_to_wait
from commands.registry.problems import limited, nonsense, not_found, odd_status, unreachable
from commands.registry.sites import Site, Way, http_url, is_inside, is_loopback, site_in, site_of, ways_to
from commands.registry.trust import Trust
from commands.registry.wire import Answer, Trouble, Unanswered, Wire

# Not `oras`: its requests have no timeouts, and its session reads `.netrc`.

# An index first: for an image of several platforms its digest is what a daemon notes at a pull.
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
_LONGEST_JOURNEY = 4
_RULES_SECONDS = 60.0
"""How long the daemon's rules are kept: they change when it is started anew."""


class HttpRegistry:
    """All registries. `rules` and `login` are the engine's; nothing is asked or connected before a look-up.

    `mirror` (`host[:port][/prefix]`) answers for the hub. `certificates` is a folder as Docker's `certs.d`,
    `ca_bundle` a file with more to trust; `clock` gives seconds since the epoch, `seconds` bounds each silence.
    Raises `Misconfigured` for a mirror that is no address.
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
        self._access = Access(self._wire, self._trust, login, self._problem_of, monotonic)
        self._known_ways: dict[Site, Way] = {}
        self._rules: tuple[float, RegistryRules] | None = None

    def close(self) -> None:
        """Close the connections that are kept open; it can be used again afterwards."""
        self._wire.close()

    def look_up(self, reference: Reference) -> Remote:
        """Ask by one HEAD for the digest that a name with a tag stands for (`latest` where it has none).

        Raises `ImageNotFound`, `LoginRefused`, `RegistryLimited` (also without asking, while a registry's `Retry-After`
        lasts) or `RegistryUnreachable`; what `rules` and `login` raise passes through.
        """
        *mirrors, last = self._sites(reference)
        for mirror in mirrors:
            try:
                return self._look_up(reference, mirror)
            except (ImageNotFound, LoginRefused, RegistryLimited, RegistryUnreachable):
                continue  # As the daemon does: a mirror that fails is passed over.
        return self._look_up(reference, last)

    def _sites(self, reference: Reference) -> Iterator[Site]:
        """List where a name is looked up, one after the other."""
        if reference.registry == HUB and self._mirror:
            yield self._mirror
            return
        rules = self._current_rules(reference.registry)
        if reference.registry == HUB:
            yield from (site for site in map(_mirror_of_daemon, rules.mirrors) if site)
        yield site_of(reference, rules)

    def _current_rules(self, host: str) -> RegistryRules:
        if is_loopback(host):  # Nothing that the daemon says would change the way there.
            return RegistryRules(hub="")
        kept = self._rules
        if kept is None or kept[0] <= self._monotonic():
            kept = self._rules = (self._monotonic() + _RULES_SECONDS, self._read_rules())
        return kept[1]

    def _look_up(self, reference: Reference, site: Site) -> Remote:
        if left := self._waits.left(site.host):
            raise limited(site.name, left)
        question, answer = self._reached(reference, site, *self._ways_to(site))
        answer = self._let_in(question, answer)
        match answer.status:
            case HTTPStatus.OK:
                digest = _digest_in(answer, site)
                return Remote(digest, self._source(reference, site, digest), quota_in(answer.headers))
            case HTTPStatus.NOT_FOUND:
                raise not_found(site.name, reference)
            case _:
                # One that has begun to speak TLS calls plain HTTP a bad request: find the way anew.
                self._known_ways.pop(site, None)
                raise self._problem_of(site, answer)

    def _source(self, reference: Reference, site: Site, digest: Digest) -> Reference:
        # The daemon uses its own mirrors by itself, but it has to be told of ours.
        repository = f"{site.host}/{site.path_of(reference)}" if site is self._mirror else reference.repository
        return Reference(repository, digest=digest)

    def _ways_to(self, site: Site) -> tuple[Way, ...]:
        """List the way that worked before, else each that is allowed."""
        own = bool(self._trust.own(site.host).files)
        ways = ways_to(site, self._current_rules(site.host).insecure, has_own_certificates=own)
        return tuple(way for way in ways if way == self._known_ways.get(site)) or ways

    def _reached(self, reference: Reference, site: Site, way: Way, *others: Way) -> tuple[DigestQuestion, Answer]:
        question = DigestQuestion(reference, site, way)
        try:
            answer = self._head(question, self._access.remembered(question))
        except Unanswered as fault:
            self._known_ways.pop(site, None)
            if fault.trouble is Trouble.SILENT or not others:
                raise self._unreachable(site, fault) from fault
        else:
            self._known_ways[site] = way
            return question, answer
        return self._reached(reference, site, *others)

    def _let_in(self, question: DigestQuestion, answer: Answer) -> Answer:
        """Do what the registry asks for, once."""
        grant = self._access.remembered(question)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._access.forget(question)
            challenge = challenge_in(answer.headers.get("WWW-Authenticate", ""))
            if challenge is None:
                raise nonsense(question.site.name, "wants a login of a kind that Docker does not know")
            grant = self._access.obtain(challenge, question)
            answer = self._again(question, grant)
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            self._access.forget(question)
            raise self._access.refusal(question, grant.standing if grant else Standing.UNASKED)
        return answer

    def _again(self, question: DigestQuestion, grant: Grant) -> Answer:
        try:
            return self._head(question, grant)
        except Unanswered as fault:
            raise self._unreachable(question.site, fault) from fault

    def _head(self, question: DigestQuestion, grant: Grant | None) -> Answer:
        """Ask, and follow where the registry sends on to; what it may know stays with it."""
        tag = question.reference.tag or question.reference.digest or "latest"
        way, url = question.way, f"{question.way.scheme}://{question.way.host}/v2/{question.path}/manifests/{tag}"
        for _ in range(_LONGEST_JOURNEY):
            own = {"Authorization": grant.header} if grant and way == question.way else {}
            answer = self._wire.send("HEAD", url, way, headers=_HEADERS | own)
            if answer.status not in _REDIRECTS:
                return answer if way == question.way else _of_elsewhere(answer, question.site)
            url, way = _next(url, answer.headers.get("Location", ""), way, question.site)
        raise nonsense(question.site.name, "sends on and on")

    def _problem_of(self, site: Site, answer: Answer) -> Problem:
        if answer.status != HTTPStatus.TOO_MANY_REQUESTS:
            return odd_status(site.name, answer.status)
        seconds = seconds_to_wait(answer.headers.get("Retry-After"), self._clock())
        self._waits.begin(site.host, seconds)
        return limited(site.name, seconds)

    def _unreachable(self, site: Site, fault: Unanswered) -> RegistryUnreachable:
        return unreachable(site.name, fault, self._trust.folder_of(site.host))


def _mirror(address: str) -> Site:
    try:
        site, example = site_in(address), Reference.parse(f"{address}/library/name")
    except (ValueError, Malformed) as fault:
        raise _no_mirror(address) from fault
    if example.registry != site.host:  # Docker would take it for a part of the hub.
        raise _no_mirror(address)
    return site


def _no_mirror(address: str) -> Misconfigured:
    return Misconfigured(
        f"The mirror {quoted(address)} is no address of a registry.",
        hint="Set it to `host:port` or `host/prefix`, in lower case and without a scheme.",
    )


def _mirror_of_daemon(address: str) -> Site | None:
    try:
        return site_in(address)
    except ValueError:  # Lenient with the daemon: it may know addresses that are not known here.
        return None


def _next(url: str, location: str, way: Way, site: Site) -> tuple[str, Way]:
    """Say where the registry sends on to, and how to go there.

    Never out of TLS, and from outside never to this machine.
    """
    target = http_url(location, seen_from=url)
    if target is None:
        raise nonsense(site.name, "sends on to no address")
    if (target.scheme, target.netloc.lower()) == (way.scheme, way.host.lower()):
        return target.geturl(), way
    if target.scheme == "http" and (way.scheme == "https" or not is_loopback(target.netloc)):
        raise nonsense(site.name, "sends on to a host without TLS")
    if is_loopback(target.netloc) and not is_loopback(site.host):
        raise nonsense(site.name, "sends on to this machine")
    if is_inside(target.netloc) and not is_inside(site.host):
        raise nonsense(site.name, "sends on to the inner network")
    checked = target.scheme == "https" and not is_loopback(target.netloc)
    return target.geturl(), Way(target.scheme, target.netloc, checked=checked)


def _of_elsewhere(answer: Answer, site: Site) -> Answer:
    """Take the answer of a host that the registry sent on to, unless it wants to know who asks."""
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise nonsense(site.name, "sends on to another host that wants a login")
    return answer


def _digest_in(answer: Answer, site: Site) -> Digest:
    digest = answer.headers.get("Docker-Content-Digest")
    if digest is None:
        raise nonsense(site.name, "does not tell digests")
    if not _DIGEST.fullmatch(digest):
        raise nonsense(site.name, "tells a digest that is none")
    return Digest(digest)

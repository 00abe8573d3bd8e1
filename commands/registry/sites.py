"""Where a registry is, and which ways lead to it. Pure: names in, addresses out."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from commands.engine.interface import RegistryRules
from commands.model.references import HUB, Reference

_ADDRESS = re.compile(
    r"(?:(?P<scheme>https?)://)?"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?)"
    r"(?:/(?P<prefix>[a-z0-9][a-z0-9._/-]*?))?/?"
)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_INNER = frozenset({"localhost", "local", "internal"})
"""Last parts of names that are never on the internet; RFC 6761, RFC 6762, and what ICANN set aside for private use."""
_HTTP = "http"
_HTTPS = "https"


@dataclass(frozen=True, slots=True)
class Site:
    """A registry: `name` as people know it and log in to it, `host` (with port) as it is reached.

    `prefix` stands before each repository's path. `scheme` is None where it has to be found out.
    """

    name: str
    host: str
    prefix: str = ""
    scheme: str | None = None

    def path_of(self, reference: Reference) -> str:
        """Say under which path it has an image."""
        return f"{self.prefix}/{reference.path}" if self.prefix else reference.path


@dataclass(frozen=True, slots=True)
class Way:
    """How to speak with a host. `checked` says whether its certificate must be trusted."""

    scheme: str
    host: str
    checked: bool

    @property
    def is_protected(self) -> bool:
        """Whether credentials may go along it: to the machine itself, or to a host that proved who it is."""
        return is_loopback(self.host) or (self.scheme == _HTTPS and self.checked)


def site_in(address: str) -> Site:
    """Read the address of a mirror, `[https://]host[:port][/prefix]`; raises `ValueError`."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise ValueError(address)
    return Site(found["host"], found["host"], prefix=found["prefix"] or "", scheme=found["scheme"])


def site_of(reference: Reference, rules: RegistryRules) -> Site:
    """Say where a name's own registry is."""
    return Site(HUB, rules.hub) if reference.registry == HUB else Site(reference.registry, reference.registry)


def ways_to(site: Site, insecure: tuple[str, ...], *, has_own_certificates: bool) -> tuple[Way, ...]:
    """List the ways in which a registry is tried, as Docker does, but never around certificates that are there for it.

    Docker looks names up to compare them with networks; here only an address is in one.
    """
    lenient = may_go_without_tls(site.host, insecure) and not has_own_certificates
    encrypted = Way(_HTTPS, site.host, checked=not lenient)
    plain = Way(_HTTP, site.host, checked=False)
    match site.scheme:
        case "http":
            return (plain,)
        case "https":
            return (encrypted,)
        case _:
            return (encrypted, plain) if lenient else (encrypted,)


def http_url(text: str, *, seen_from: str = "") -> SplitResult | None:
    """Read a URL that somebody else wrote, without a login in it; None for anything else."""
    try:
        url = urlsplit(urljoin(seen_from, text))
        sound = url.scheme in (_HTTP, _HTTPS) and url.hostname and "@" not in url.netloc and url.port != 0
    except ValueError:  # A port that is none, or brackets around no address.
        return None
    return url._replace(fragment="") if sound else None


def may_go_without_tls(host: str, insecure: tuple[str, ...]) -> bool:
    """Say whether the daemon takes a host (with port) without trusting its certificate; loopback it always does."""
    named = host.lower() in (entry.lower() for entry in insecure)
    return named or is_loopback(host) or any(_is_in(_bare(host), network) for network in insecure)


def is_loopback(host: str) -> bool:
    """Say whether a host (with or without port) is this machine by its very name."""
    return _bare(host).lower() == "localhost" or _is_in(_bare(host), "127.0.0.0/8") or _is_in(_bare(host), "::1/128")


def is_inside(host: str) -> bool:
    """Say whether a host (with or without port) names a machine of the inner network, or one by its bare address.

    Nobody who only names an image may have these asked: what answers there is not on the internet. An address has many
    spellings (`127.1`, `0x7f000001`, `2130706433`); no name of the internet ends in a number.
    """
    *_, before_last, last = ("", *_bare(host).lower().rstrip(".").split("."))
    return not before_last or ":" in last or _NUMBER.fullmatch(last) is not None or last in _INNER


def _bare(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""


def _is_in(host: str, network: str) -> bool:
    try:
        # An address alone is no network: Docker takes it for the name of a host without a port.
        return "/" in network and ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:  # A name is in no network, and an entry may be a name.
        return False

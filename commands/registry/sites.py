"""The address of a registry, and the ways to connect to it. Pure: names in, addresses out."""

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
"""Top-level names that do not exist on the internet; RFC 6761, RFC 6762, and ICANN's name for private use."""
_HTTP = "http"
_HTTPS = "https"


@dataclass(frozen=True, slots=True)
class Site:
    """A registry: `name` as in image names and logins, `host` (with port) as the address.

    `prefix` precedes each repository's path. `scheme` is None if it is unknown.
    """

    name: str
    host: str
    prefix: str = ""
    scheme: str | None = None

    def path_of(self, reference: Reference) -> str:
        """Return an image's path at this registry."""
        return f"{self.prefix}/{reference.path}" if self.prefix else reference.path


@dataclass(frozen=True, slots=True)
class Way:
    """How to connect to a host. `checked` says whether its certificate is verified."""

    scheme: str
    host: str
    checked: bool

    @property
    def is_protected(self) -> bool:
        """Whether credentials may be sent: to this machine, or to a host with a verified certificate."""
        return is_loopback(self.host) or (self.scheme == _HTTPS and self.checked)


def site_in(address: str) -> Site:
    """Parse the address of a mirror, `[https://]host[:port][/prefix]`; raises `ValueError` if malformed."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise ValueError(address)
    return Site(found["host"], found["host"], prefix=found["prefix"] or "", scheme=found["scheme"])


def site_of(reference: Reference, rules: RegistryRules) -> Site:
    """Return the site of a name's own registry."""
    return Site(HUB, rules.hub) if reference.registry == HUB else Site(reference.registry, reference.registry)


def ways_to(site: Site, insecure: tuple[str, ...], *, has_own_certificates: bool) -> tuple[Way, ...]:
    """List the ways to try, in Docker's order, but always verify a registry that has its own certificates.

    Docker resolves names to compare them with networks; here only a literal address is in one.
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
    """Parse an untrusted URL; return None if it is malformed, has a login, or is not HTTP."""
    try:
        url = urlsplit(urljoin(seen_from, text))
        sound = url.scheme in (_HTTP, _HTTPS) and url.hostname and "@" not in url.netloc and url.port != 0
    except ValueError:  # A malformed port or IPv6 address.
        return None
    return url._replace(fragment="") if sound else None


def may_go_without_tls(host: str, insecure: tuple[str, ...]) -> bool:
    """Return whether the daemon accepts a host (with port) without a trusted certificate; always for loopback."""
    named = host.lower() in (entry.lower() for entry in insecure)
    return named or is_loopback(host) or any(_is_in(_bare(host), network) for network in insecure)


def is_loopback(host: str) -> bool:
    """Return whether a host (with or without port) is a loopback name or address."""
    return _bare(host).lower() == "localhost" or _is_in(_bare(host), "127.0.0.0/8") or _is_in(_bare(host), "::1/128")


def is_inside(host: str) -> bool:
    """Return whether a host (with or without port) is in the internal network or is a literal address.

    A typed image name must not cause requests to such hosts, which are not on the internet. An address has many
    spellings (`127.1`, `0x7f000001`, `2130706433`); no name on the internet ends in a number.
    """
    *_, before_last, last = ("", *_bare(host).lower().rstrip(".").split("."))
    return not before_last or ":" in last or _NUMBER.fullmatch(last) is not None or last in _INNER


def _bare(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""


def _is_in(host: str, network: str) -> bool:
    try:
        # A single address is not a network: Docker treats it as the name of a host without a port.
        return "/" in network and ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:  # A name is not in any network, and an entry may be a name.
        return False

"""Checks of a request's `Host` header, against DNS rebinding.

A malicious page may resolve its own name to this machine's address and then read what is served here as its own. The
browser still sends the page's name in `Host`, so a server must check it.
"""

from ipaddress import ip_address


def host_name(host: str) -> str:
    """Return the host in lower case, without the port and without the brackets of an IPv6 address."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name.lower()


def is_loopback(host: str) -> bool:
    """Return whether this host name or address is a loopback one."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """Return whether this is an IP address, which no page can rebind."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True

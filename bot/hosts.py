"""What the `Host` of a request says: which names mean this machine, and which no web page can have bound to it.

A page from anywhere may have its own name answer with this machine's address, and then reads what is served here as
its own (DNS rebinding). The browser still sends the page's name: what is served has to look at it.
"""

from ipaddress import ip_address


def host_name(host: str) -> str:
    """Take the port away, and the brackets of an IPv6 address; names are compared in lower case."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name.lower()


def is_loopback(host: str) -> bool:
    """Tell whether this host name or address means this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """Tell whether this is an address: no page can bind one to another machine."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True

"""Checks the bundle of certificates that build steps trust."""

import ssl
from pathlib import Path

from bot.doctor.report import Caution, Fault, Good, Verdict

_TODO = "Set `WARROOM_CA_BUNDLE` to a file of PEM certificates."


def bundle_is_usable(bundle: Path | None, *, configured: str) -> Verdict:
    """Load the bundle as TLS does; `configured` says where it was set."""
    if bundle is None:
        return Caution("No bundle: build steps use the base's certificates.", f"Behind a TLS-inspecting proxy: {_TODO}")
    try:
        count = len(ssl.create_default_context(cafile=bundle).get_ca_certs())
    except ssl.SSLError:
        return Fault(f"{bundle} has no readable certificates.", _TODO)
    except OSError as error:
        return Fault(f"{bundle} cannot be read: {error.strerror}.", _TODO)
    return Good(f"{bundle} ({configured}), {count} certificates")

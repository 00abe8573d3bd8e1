"""The problems of registries, with their messages and hints."""

from http import HTTPStatus
from pathlib import Path

from commands.errors import ImageNotFound, LoginRefused, RegistryLimited, RegistryUnreachable
from commands.model.references import Reference
from commands.registry.wire import Trouble, Unanswered

_MINUTE = 60


def unreachable(registry: str, fault: Unanswered, certificates: Path) -> RegistryUnreachable:
    """Return the problem of a registry that does not answer; `certificates` is the folder for its certificates."""
    match fault.trouble:
        case Trouble.UNTRUSTED:
            return RegistryUnreachable(
                f"The certificate of the registry `{registry}` is not trusted: {fault.reason}.",
                hint=f"Put the certificate of its CA into `{certificates}/ca.crt`, as for the Docker daemon.",
            )
        case Trouble.SILENT | Trouble.BROKEN:
            return RegistryUnreachable(
                f"The registry `{registry}` does not answer: {fault.reason}.",
                hint="Check its name, and that this machine reaches it (network, proxy), then try again.",
            )


def odd_status(registry: str, status: int) -> RegistryUnreachable:
    """Return the problem of an unexpected HTTP status."""
    known = next((f"{one.value} {one.phrase}" for one in HTTPStatus if one == status), str(status))
    return RegistryUnreachable(
        f"The registry `{registry}` answered with HTTP {known}.",
        hint="Try again later; if it still fails, ask the registry's operator.",
    )


def invalid_answer(registry: str, what: str) -> RegistryUnreachable:
    """Return the problem of an invalid answer; `what` completes the sentence about the registry."""
    return RegistryUnreachable(
        f"The registry `{registry}` {what}.", hint="Check that the name is that of a registry, or ask its operator."
    )


def rate_limited(registry: str, seconds: float | None) -> RegistryLimited:
    """Return the problem of a reached rate limit."""
    when = "Wait before you try again" if seconds is None else f"Try again in {_span(seconds)}"
    return RegistryLimited(
        f"The registry `{registry}` allows no more requests for now.",
        hint=f"{when}; with a login (`docker login {registry}`) it may allow more.",
        seconds=seconds,
    )


def not_found(registry: str, reference: Reference) -> ImageNotFound:
    """Return the problem that the registry does not have a name."""
    return ImageNotFound(
        f"The registry `{registry}` has no image `{reference}`.", hint="Check the name and the tag, or ask its owner."
    )


def access_denied(registry: str, reference: Reference, *, had_login: bool) -> LoginRefused:
    """Return the problem that the registry shows the image only with a login, or not to the configured one."""
    command = f"`docker login {registry}` as the user that this program runs as"
    if had_login:
        return LoginRefused(
            f"The registry `{registry}` does not show `{reference}` to the login that is configured here.",
            hint=f"Log in with an account that may see it: {command}.",
        )
    return LoginRefused(
        f"The registry `{registry}` does not show `{reference}` without a login, and none is configured here.",
        hint=f"If the name is right, log in: {command}.",
    )


def no_access(registry: str, reference: Reference) -> LoginRefused:
    """Return the problem that the registry does not show the image and does not ask for a login."""
    return LoginRefused(
        f"The registry `{registry}` does not show `{reference}`, and asks for no login.",
        hint="Check the name, and ask the registry's operator whether this machine may see it.",
    )


def unprotected_login(registry: str, reference: Reference, certificates: Path) -> LoginRefused:
    """Return the problem that a login is required but the host's identity is not verified."""
    return LoginRefused(
        f"The registry `{registry}` does not show `{reference}` without a login, which is not sent unprotected.",
        hint=f"Let it use TLS, and put the certificate of its CA into `{certificates}/ca.crt`.",
    )


def token_only(registry: str) -> LoginRefused:
    """Return the problem that the registry requires a password but only an identity token is configured."""
    return LoginRefused(
        f"The registry `{registry}` requires a name and a password, but an identity token is configured here.",
        hint=f"Log in with a password: `docker login {registry}` as the user that this program runs as.",
    )


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds <= 2 * _MINUTE else f"{seconds / _MINUTE:.0f} min"

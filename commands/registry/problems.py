"""What people are told when a registry does not answer as hoped."""

from http import HTTPStatus
from pathlib import Path

from commands.errors import ImageNotFound, LoginRefused, RegistryLimited, RegistryUnreachable
from commands.model.references import Reference
from commands.registry.wire import Trouble, Unanswered

_MINUTE = 60


def unreachable(registry: str, fault: Unanswered, certificates: Path) -> RegistryUnreachable:
    """Tell of a registry that gives no answer; `certificates` is the folder in which those for it belong."""
    match fault.trouble:
        case Trouble.UNTRUSTED:
            return RegistryUnreachable(
                f"The certificate of the registry `{registry}` is not trusted: {fault.reason}.",
                hint=f"Put the certificate of its authority into `{certificates}/ca.crt`, as for the Docker daemon.",
            )
        case Trouble.SILENT | Trouble.BROKEN:
            return RegistryUnreachable(
                f"The registry `{registry}` does not answer: {fault.reason}.",
                hint="Check its name, and that this machine reaches it (network, proxy), then try again.",
            )


def odd_status(registry: str, status: int) -> RegistryUnreachable:
    """Tell of a status that is no answer to the question."""
    known = next((f"{one.value} {one.phrase}" for one in HTTPStatus if one == status), str(status))
    return RegistryUnreachable(
        f"The registry `{registry}` answered with HTTP {known}.",
        hint="Try again later; if it stays so, ask who runs the registry.",
    )


def invalid_answer(registry: str, what: str) -> RegistryUnreachable:
    """Tell of an answer that no registry would give; `what` is the rest of the sentence about it."""
    return RegistryUnreachable(
        f"The registry `{registry}` {what}.", hint="Check that the name is that of a registry, or ask who runs it."
    )


def rate_limited(registry: str, seconds: float | None) -> RegistryLimited:
    """Tell of a registry that wants to be left alone."""
    when = "Wait before you try again" if seconds is None else f"Try again in {_span(seconds)}"
    return RegistryLimited(
        f"The registry `{registry}` has had enough requests for now.",
        hint=f"{when}; with a login (`docker login {registry}`) it may allow more.",
        seconds=seconds,
    )


def not_found(registry: str, reference: Reference) -> ImageNotFound:
    """Tell of a name that the registry does not have."""
    return ImageNotFound(
        f"The registry `{registry}` has no image `{reference}`.", hint="Check the name and the tag, or ask who owns it."
    )


def access_denied(registry: str, reference: Reference, *, had_login: bool) -> LoginRefused:
    """Tell of a registry that shows the image to nobody, or not to the login that the machine has."""
    command = f"`docker login {registry}` as the user that this program runs as"
    if had_login:
        return LoginRefused(
            f"The registry `{registry}` does not show `{reference}` to the login that is configured here.",
            hint=f"Log in as somebody who may see it: {command}.",
        )
    return LoginRefused(
        f"The registry `{registry}` does not show `{reference}` without a login, and none is configured here.",
        hint=f"If the name is right, log in: {command}.",
    )


def no_access(registry: str, reference: Reference) -> LoginRefused:
    """Tell of a registry that does not show the image and asks for no login either."""
    return LoginRefused(
        f"The registry `{registry}` does not show `{reference}`, and asks for no login.",
        hint="Check the name, and ask who runs the registry whether this machine may see it.",
    )


def unprotected_login(registry: str, reference: Reference, certificates: Path) -> LoginRefused:
    """Tell that a login is wanted but would be sent to a host that has not proved who it is."""
    return LoginRefused(
        f"The registry `{registry}` does not show `{reference}` without a login, which is not sent unprotected.",
        hint=f"Let it use TLS, and put the certificate of its authority into `{certificates}/ca.crt`.",
    )


def token_only(registry: str) -> LoginRefused:
    """Tell that the registry wants a password where only an identity token is configured."""
    return LoginRefused(
        f"The registry `{registry}` wants a name and a password, but an identity token is configured here.",
        hint=f"Log in with a password: `docker login {registry}` as the user that this program runs as.",
    )


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds <= 2 * _MINUTE else f"{seconds / _MINUTE:.0f} min"

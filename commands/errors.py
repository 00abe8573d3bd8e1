"""The catalogue of everything that can go wrong on purpose: each says what happened and what to do."""


class Problem(Exception):
    """Something a person is told: `message` says what happened, `hint` what to do, `details` are lines of evidence.

    All three are plain text without markup; back-ticks may quote what somebody typed.
    """

    def __init__(self, message: str, *, hint: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


class ArgumentError(Problem):
    """What was typed is not a command: `hint` holds a corrected line to paste where one can be made."""


class EngineUnavailable(Problem):
    """The Docker daemon does not answer, or went away in the middle."""


class DiskFull(Problem):
    """The Docker daemon has no space left."""


class ImageNotFound(Problem):
    """No such image, neither on the daemon nor in its registry."""


class PullFailed(Problem):
    """A registry was reached but the image did not arrive."""


class PullStopped(Problem):
    """Somebody pressed Stop while an image was pulled."""


class RegistryUnreachable(Problem):
    """The registry does not answer, or not as a registry does."""


class RegistryLimited(Problem):
    """The registry has had enough requests: `seconds` says how long to wait, None where it does not say."""

    def __init__(self, message: str, *, hint: str, details: tuple[str, ...] = (), seconds: float | None = None) -> None:
        super().__init__(message, hint=hint, details=details)
        self.seconds = seconds


class LoginRefused(Problem):
    """The registry wants a login, or does not accept the one that the machine's Docker configuration has."""


class RegistryNotAllowed(Problem):
    """The operator does not let this registry be asked."""


class NameReserved(Problem):
    """A name that is asked for is kept for something else."""


class ReviewVoid(Problem):
    """What was confirmed is not so any more: the facts have changed since the review."""


class ImageInUse(Problem):
    """A container uses the image, or another image is built on it."""


class UnusableBase(Problem):
    """The base is there but nothing can be built on it: no Python, no known package manager, a wrong platform."""


class PackageNotFound(Problem):
    """The index has no such package."""


class ResolutionFailed(Problem):
    """The requirements contradict each other, or nothing fits this Python."""


class IndexUnreachable(Problem):
    """The package index does not answer."""


class BuildFailed(Problem):
    """A build step ended with an error: `details` are the decisive lines of its log."""


class BuildStopped(Problem):
    """Somebody pressed Stop."""


class BuildTimedOut(Problem):
    """The build took longer than allowed, or said nothing for too long."""


class VerificationFailed(Problem):
    """The image was built, but is not what was proposed."""


class StateUnwritable(Problem):
    """The state folder or the database cannot be written."""


class Misconfigured(Problem):
    """A setting is missing or wrong."""


class ShuttingDown(Problem):
    """The bot is ending and takes nothing new."""


def causes_of(fault: BaseException) -> tuple[BaseException, ...]:
    """List a fault and the faults in it, which requests and urllib3 wrap in several ways."""
    found, waiting = dict[int, BaseException](), [fault]
    while waiting:
        one = waiting.pop(0)
        if id(one) not in found:
            found[id(one)] = one
            inner = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
            waiting += [cause for cause in inner if isinstance(cause, BaseException)]
    return tuple(found.values())

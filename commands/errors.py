"""The catalogue of expected problems: each says what happened and what to do."""


class Problem(Exception):
    """An error to show to a person: `message` says what happened, `hint` what to do, `details` are log lines.

    All three are plain text without markup; backticks may quote what somebody typed.
    """

    def __init__(self, message: str, *, hint: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


class ArgumentError(Problem):
    """The typed text is not a valid command; `details` contains a corrected line if there is one."""


class EngineUnavailable(Problem):
    """The Docker daemon does not answer, or the connection was lost."""


class DiskFull(Problem):
    """The Docker daemon has no space left."""


class ImageNotFound(Problem):
    """No such image, neither on the daemon nor in its registry."""


class PullFailed(Problem):
    """The registry answers, but the pull failed."""


class PullStopped(Problem):
    """Somebody pressed Stop while an image was pulled."""


class RegistryUnreachable(Problem):
    """The registry does not answer, or its answer is not that of a registry."""


class RegistryLimited(Problem):
    """The registry's rate limit is reached: `seconds` is the time to wait, None if the registry does not say."""

    def __init__(self, message: str, *, hint: str, details: tuple[str, ...] = (), seconds: float | None = None) -> None:
        super().__init__(message, hint=hint, details=details)
        self.seconds = seconds


class LoginRefused(Problem):
    """The registry requires a login, or rejects the one in the machine's Docker configuration."""


class RegistryNotAllowed(Problem):
    """The operator does not allow requests to this registry."""


class NameReserved(Problem):
    """The requested name is reserved for something else."""


class ReviewVoid(Problem):
    """The facts have changed since the review, so the confirmed proposal no longer applies."""


class ImageInUse(Problem):
    """A container uses the image, or another image is built on it."""


class UnusableBase(Problem):
    """The base exists but cannot be built on: no Python, no known package manager, or a wrong platform."""


class PackageNotFound(Problem):
    """The index has no such package."""


class ResolutionFailed(Problem):
    """The requirements contradict each other, or nothing fits this Python."""


class IndexUnreachable(Problem):
    """The package index does not answer."""


class BuildFailed(Problem):
    """A build step failed; `details` are the relevant lines of its log."""


class BuildStopped(Problem):
    """Somebody pressed Stop during a build."""


class BuildTimedOut(Problem):
    """The build took longer than allowed, or produced no output for too long."""


class VerificationFailed(Problem):
    """The image was built but does not match the proposal."""


class StateUnwritable(Problem):
    """The state folder or the database cannot be written."""


class Misconfigured(Problem):
    """A setting is missing or wrong."""


class TooMany(Problem):
    """More commands are under way than the operator allows."""


class ShuttingDown(Problem):
    """The bot is shutting down and accepts no new work."""


def causes_of(fault: BaseException) -> tuple[BaseException, ...]:
    """List a fault and its causes, which requests and urllib3 wrap in several ways."""
    found, waiting = dict[int, BaseException](), [fault]
    while waiting:
        one = waiting.pop(0)
        if id(one) not in found:
            found[id(one)] = one
            inner = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
            waiting += [cause for cause in inner if isinstance(cause, BaseException)]
    return tuple(found.values())

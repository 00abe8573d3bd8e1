"""Explanations of failed builds in plain words. Pure."""

import re

from commands.engine.buildkit import Failure, step_of
from commands.errors import BuildFailed

_METADATA = re.compile(r"\[internal\] load metadata for (?P<image>\S+)")
_EXIT_CODE = re.compile(r"exit code: (\d+)")
_PREFIXES = re.compile(r"^(?:failed to solve with frontend \S+: |failed to create LLB definition: |failed to solve: )+")
_INSTRUCTION_LIMIT = 120
_READ_LOG = "The lines below are the end of its log: they say what to change."


def build_failed(failure: Failure) -> BuildFailed:
    """Name the instruction that failed and how; the last lines of its log are the details."""
    step = step_of(failure.operation)
    base = _METADATA.fullmatch(failure.operation)
    reason = _PREFIXES.sub("", failure.error).strip()
    if base is not None:
        return BuildFailed(
            f"The base image `{base['image'].removeprefix('docker.io/library/')}` is not on this Docker daemon and "
            "could not be fetched.",
            # Without the reason: it may quote the answer of any host.
            hint="Check the name, or pull it first.",
        )
    if step is None:
        return BuildFailed(
            f"The build failed: {reason}",
            hint="See the full log, then the daemon's own (`journalctl -u docker`).",
            details=failure.tail,
        )
    return BuildFailed(
        f"Step {step.number} of {failure.count or step.count}, `{_short(step.instruction)}`, {_end(reason)}",
        hint=_READ_LOG if failure.tail else "Change what it asks for, then try again.",
        details=failure.tail or (reason,),
    )


def _end(reason: str) -> str:
    exit_code = _EXIT_CODE.search(reason)
    return f"ended with exit code {exit_code[1]}." if exit_code else f"failed: {reason}"


def _short(instruction: str) -> str:
    words = [word for word in instruction.split() if not word.startswith("--mount=")]
    text = " ".join(words).replace("`", "'")
    return text if len(text) <= _INSTRUCTION_LIMIT else f"{text[: _INSTRUCTION_LIMIT - 1]}…"

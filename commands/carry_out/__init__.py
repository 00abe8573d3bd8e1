"""Carries out confirmed proposals. The only package that changes the host: pulls, builds, tags and removes images."""

from commands.carry_out.dependencies import Dependencies, JobContext
from commands.engine.interface import Engine
from commands.recipe.labels import JOB

__all__ = ["Dependencies", "JobContext", "clean"]


def clean(job: str, engine: Engine) -> None:
    """Remove the containers of a job and its untagged images."""
    engine.sweep(JOB, job)

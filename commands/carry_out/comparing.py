"""Compares the packages of new images with those of the images before."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import assert_never

import structlog

from commands.cancellation import Cancellation
from commands.carry_out.dependencies import Dependencies, JobContext
from commands.carry_out.guard import ending_guard, raise_if_stopped, step
from commands.errors import BuildStopped, Problem
from commands.inventory.difference import difference
from commands.model.events import Event, StepNoted
from commands.model.images import ImageId, Mark
from commands.model.outcomes import ImageResult
from commands.model.packages import Difference, Inventory, PackageChanges
from commands.recipe.labels import JOB, container_labels

log = structlog.get_logger()

_AT_ONCE = 4
"""How many images are read at once."""


def compare(
    results: tuple[ImageResult, ...],
    job_context: JobContext,
    dependencies: Dependencies,
    emit: Callable[[Event], None],
    cancellation: Cancellation,
) -> tuple[ImageResult, ...]:
    """Return the results with the package changes of every changed image; after a cancellation the rest lack them.

    The step's number is the part of `job_context`.
    """
    if cancellation.reason is not None or not any(result.after for result in results):
        return results
    labels = container_labels(job_context.job)
    try:
        with (
            step(job_context.part, emit),
            ending_guard(cancellation, lambda: dependencies.engine.sweep(JOB, job_context.job), job=job_context.job),
        ):
            images = _images(results)
            emit(StepNoted(job_context.part, f"reading {len(images)} images"))
            read = _read_all(images, lambda image: _read(image, labels, dependencies, cancellation))
            # An inventory that was read during a cancellation may be incomplete.
            raise_if_stopped(cancellation)
    except BuildStopped:
        log.info("comparison_stopped", job=job_context.job)
        return results
    return tuple(_with_difference(result, read) for result in results)


def _images(results: tuple[ImageResult, ...]) -> tuple[ImageId, ...]:
    both = (mark for result in results if result.before and result.after for mark in (result.before, result.after))
    return tuple(dict.fromkeys(mark.id for mark in both))


def _read_all(
    images: tuple[ImageId, ...], read: Callable[[ImageId], Inventory | Problem]
) -> Mapping[ImageId, Inventory | Problem]:
    # In parallel: nearly all of the time the daemon creates and removes containers.
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="warroom-compare") as threads:
        return dict(zip(images, threads.map(read, images), strict=True))


def _read(
    image: ImageId, labels: Mapping[str, str], dependencies: Dependencies, cancellation: Cancellation
) -> Inventory | Problem:
    raise_if_stopped(cancellation)
    try:
        return dependencies.inventories.of(image, labels)
    except Problem as problem:
        return problem


def _with_difference(result: ImageResult, read: Mapping[ImageId, Inventory | Problem]) -> ImageResult:
    if result.before is None or result.after is None:
        return result
    return replace(result, difference=_difference(result.before, result.after, read))


def _difference(before: Mark, after: Mark, read: Mapping[ImageId, Inventory | Problem]) -> Difference:
    size = after.size - before.size
    match read[before.id], read[after.id]:
        case (Problem() as problem, _) | (_, Problem() as problem):
            gaps = (f"The packages were not compared: {problem.message}",)
            return Difference(size, PackageChanges(), None, gaps=gaps)
        case (Inventory() as older, Inventory() as newer):
            return difference(older, newer, size=size)
        case never:
            assert_never(never)

"""What newer images brought: their packages against those of the images before."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import assert_never

import structlog

from commands.build.labels import JOB, container_labels
from commands.carry_out.guard import ended_by, go_on, step
from commands.carry_out.workshop import Commission, Workshop
from commands.errors import BuildStopped, Problem
from commands.halt import Halt
from commands.inventory.difference import difference
from commands.model.events import Event, StepNoted
from commands.model.images import ImageId, Mark
from commands.model.outcomes import ImageResult
from commands.model.packages import Difference, Inventory, PackageChanges

log = structlog.get_logger()

_AT_ONCE = 4
"""Images that are read at once."""


def compare(
    results: tuple[ImageResult, ...],
    commission: Commission,
    workshop: Workshop,
    emit: Callable[[Event], None],
    halt: Halt,
) -> tuple[ImageResult, ...]:
    """Say of every image that got newer what it brought; those that a halt leaves out are given back as they are.

    The step that is told of is the commission's part.
    """
    if halt.reason is not None or not any(result.after for result in results):
        return results
    labels = container_labels(commission.job)
    try:
        with (
            step(commission.part, emit),
            ended_by(halt, lambda: workshop.engine.sweep(JOB, commission.job), job=commission.job),
        ):
            images = _images(results)
            emit(StepNoted(commission.part, f"reading {len(images)} images"))
            read = _read_all(images, lambda image: _read(image, labels, workshop, halt))
            # What was read while it was ended is no comparison.
            go_on(halt)
    except BuildStopped:
        log.info("comparison_stopped", job=commission.job)
        return results
    return tuple(_compared(result, read) for result in results)


def _images(results: tuple[ImageResult, ...]) -> tuple[ImageId, ...]:
    both = (mark for result in results if result.before and result.after for mark in (result.before, result.after))
    return tuple(dict.fromkeys(mark.id for mark in both))


def _read_all(
    images: tuple[ImageId, ...], read: Callable[[ImageId], Inventory | Problem]
) -> Mapping[ImageId, Inventory | Problem]:
    # Beside each other: nearly all of the time the daemon makes and removes containers.
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="warroom-compare") as threads:
        return dict(zip(images, threads.map(read, images), strict=True))


def _read(image: ImageId, labels: Mapping[str, str], workshop: Workshop, halt: Halt) -> Inventory | Problem:
    go_on(halt)
    try:
        return workshop.inventories.of(image, labels)
    except Problem as problem:
        return problem


def _compared(result: ImageResult, read: Mapping[ImageId, Inventory | Problem]) -> ImageResult:
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

"""A page of the list of images: a table, a menu to act on a row, and buttons to turn the page and to filter."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from bot.dialogs.stages import JobLine, Listed
from bot.slack.views.amounts import age, size
from bot.slack.views.buttons import Control
from bot.slack.views.images.controls import DETAILS, FILTER, NEXT_PAGE, PREVIOUS_PAGE, REFRESH, row_choice
from bot.slack.views.parts import FIELD, LINE, Block, Message, actions, context, message, section
from bot.slack.views.tables import Column, message_that_fits, table
from bot.slack.views.text import Markup, code, escape, join, markup, mention, middle, prose
from commands.command import Listing, Row
from commands.text import count_of

TITLE: Final = "Available Docker Images"

_NONE: Final = "<none>"
"""Docker's word for a missing name, as in `docker images`."""
_JOBS: Final = 5
_SENTENCE: Final = 400
_SHORT_ID: Final = 12


@dataclass(frozen=True, slots=True)
class _ListWidth:
    """The widths of the names in the table and in the menu, and the amount of text above the table."""

    name: int
    choice: int
    words: int = 1_200


_ROOMS: Final = (
    _ListWidth(60, 56),
    _ListWidth(50, 44),
    _ListWidth(40, 36),
    _ListWidth(34, 30),
    _ListWidth(28, 26),
    _ListWidth(24, 22, words=600),
    _ListWidth(20, 18, words=600),
    _ListWidth(16, 14, words=300),
    # The last one always fits.
    _ListWidth(8, 8, words=200),
)


def list_message(dialog: Listed, now: datetime) -> Message:
    """Return the message with the page."""
    return message_that_fits(lambda room: _page(dialog, now, room), _ROOMS)


def _page(dialog: Listed, now: datetime, room: _ListWidth) -> Message:
    listing = dialog.listing
    rows = listing.rows
    return message(
        TITLE,
        [
            *_jobs(dialog.jobs, now, room.words),
            section("summary", *_summary(dialog), most=room.words),
            *([_table(rows, now, room)] if rows else []),
            section("page", escape(_place(listing), FIELD) if rows else _empty_text(listing)),
        ],
        context(dialog.asked),
        actions(dialog.asked.dialog, *_buttons(listing, room)),
        summary=f"{count_of(listing.images, 'image')}, page {listing.query.page:,} of {listing.pages:,}",
    )


def _jobs(jobs: Sequence[JobLine], now: datetime, most: int) -> list[Block]:
    if not jobs:
        return []
    rest = len(jobs) - _JOBS
    more = [markup("… and {} more", escape(f"{rest:,}", FIELD))] if rest > 0 else []
    return [section("jobs", markup("*In progress:*"), *(_job(job, now) for job in jobs[:_JOBS]), *more, most=most)]


def _job(job: JobLine, now: datetime) -> Markup:
    asked = escape(age(job.since, now), FIELD)
    waits = markup("▸") if job.is_running else markup("· queued:")
    return markup("{} {} · {} · {}", waits, code(job.line, LINE // 2), mention(job.user), asked)


def _summary(dialog: Listed) -> list[Markup]:
    listing = dialog.listing
    counts = [count_of(listing.images, "image"), count_of(listing.names, "name")]
    said = join(" · ", [*(escape(count, FIELD) for count in counts), _disk(listing)])
    return [
        said,
        *_filter(listing),
        *([markup("⚠ {}", prose(dialog.trouble, _SENTENCE))] if dialog.trouble.strip() else []),
        *([prose(listing.hint, _SENTENCE)] if listing.hint.strip() else []),
    ]


def _disk(listing: Listing) -> Markup:
    if listing.disk is not None:
        return markup("{} on disk (shared layers counted once)", escape(size(listing.disk), FIELD))
    if listing.disk_note.strip():
        return markup("disk use unknown: {}", prose(listing.disk_note, _SENTENCE))
    return markup("measuring disk use …")


def _filter(listing: Listing) -> list[Markup]:
    query = listing.query
    parts = [
        *([markup("name or ID contains {}", code(query.text, FIELD))] if query.text.strip() else []),
        *([markup("made here")] if query.made_here else []),
    ]
    if not parts:
        return []
    found = escape(count_of(listing.matching, "row"), FIELD)
    return [markup("*Filter:* {} · {}", join(", ", parts), found)]


def _table(rows: Sequence[Row], now: datetime, room: _ListWidth) -> Block:
    columns = (
        Column("ID", _SHORT_ID),
        Column("Repository", room.name, is_wrapped=True),
        Column("Size", 20, is_number=True),
        Column("Tag", room.name, is_wrapped=True),
        Column("Created Time", 20),
        Column("Created Since", 30),
        Column("Made here", 12),
    )
    return table("images", columns, (_row(row, now) for row in rows))


def _row(row: Row, now: datetime) -> tuple[str, ...]:
    return (
        _short(row),
        row.repository or _NONE,
        size(row.size),
        row.tag or _NONE,
        row.created.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "minutes"),
        age(row.created, now),
        "✓" if row.made_here else "–",
    )


def _place(listing: Listing) -> str:
    shown, is_last = len(listing.rows), listing.query.page >= listing.pages
    # All pages but the last are full.
    last = listing.matching if is_last else listing.query.page * shown
    first = last - shown + 1
    page = f"Page {listing.query.page:,} of {listing.pages:,}"
    return f"{page} · rows {first:,} to {last:,} of {listing.matching:,}, newest first · times in UTC"


def _empty_text(listing: Listing) -> Markup:
    if listing.query.text.strip() or listing.query.made_here:
        return markup("No matches. Press *Filter* to change or clear the filter.")
    return markup("No images on this Docker host. Create one with `/docker_image_create`.")


def _buttons(listing: Listing, room: _ListWidth) -> list[Control]:
    page = listing.query.page
    choices = tuple((_choice(row, room.choice), row_choice(number, row)) for number, row in enumerate(listing.rows))
    return [
        *([replace(DETAILS, choices=choices)] if choices else []),
        *([PREVIOUS_PAGE] if page > 1 else []),
        *([NEXT_PAGE] if page < listing.pages else []),
        FILTER,
        REFRESH,
    ]


def _choice(row: Row, width: int) -> str:
    name = row.repository or _NONE if row.repository is None or row.tag is None else row.name
    return f"{middle(name, width)} ({_short(row)})"


def _short(row: Row) -> str:
    return middle(row.image.removeprefix("sha256:")[:_SHORT_ID], _SHORT_ID)

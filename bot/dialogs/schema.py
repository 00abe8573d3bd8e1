"""The tables of the ledger, and the migrations from older versions.

Not alembic: the tables are few and only grow, each migration is a few statements, and a framework slows the start.
"""

from collections.abc import Callable, Mapping
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

DEFAULT_OWNER: Final = "warroom"
"""The owner of the dialogs if only one bot uses the database."""

METADATA: Final = sa.MetaData()

_HAS_TRIGGER: Final = sa.text("\"trigger\" <> ''")
"""Some dialogs have none."""

DIALOGS: Final = sa.Table(
    "warroom_dialogs",
    METADATA,
    # Assigned by the database, so that two processes can add rows at once.
    sa.Column("serial", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("stage", sa.Text, nullable=False, index=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("changes", sa.Integer, nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("deadline", sa.Float, index=True),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("response_url", sa.Text, nullable=False),
    sa.Column("message", sa.Text),
    sa.Column("shown", sa.Integer, nullable=False),
    sa.Column("announced", sa.Boolean, nullable=False),
    sa.Column("attached", sa.Text, nullable=False),
    # Since version 2: which bot drives the dialog, and in which epoch.
    sa.Column("owner", sa.Text, nullable=False, server_default=""),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
)

TRIGGERS: Final = sa.Index(
    "ux_warroom_dialogs_trigger",
    DIALOGS.c.trigger,
    unique=True,
    sqlite_where=_HAS_TRIGGER,
    postgresql_where=_HAS_TRIGGER,
)
"""Since version 3: Slack may deliver a command or a form again, and each trigger makes one dialog."""

OWNERS: Final = sa.Table(
    "warroom_owners",
    METADATA,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),
    # Since version 4: how often the owner's process has stored that it can write.
    sa.Column("beats", sa.Integer, nullable=False, server_default="0"),
)
"""The present epoch of each owner: a process with an older one was replaced."""

_VERSION: Final = sa.Table("warroom_schema", METADATA, sa.Column("version", sa.Integer, primary_key=True))

_LOCK: Final = 7_278_660
"""An arbitrary number for the advisory lock under which one process migrates a PostgreSQL database."""


def insert_once(connection: sa.Connection, row: Mapping[str, object]) -> bool:
    """Insert a dialog; return False, and change nothing, if one with its trigger exists."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(DIALOGS).values(**row)
    once = statement.on_conflict_do_nothing(index_elements=[DIALOGS.c.trigger], index_where=_HAS_TRIGGER)
    # Without the option the number of inserted rows is unknown on PostgreSQL.
    return connection.execute(once, execution_options={"preserve_rowcount": True}).rowcount == 1


def prepare(engine: sa.Engine) -> None:
    """Create the tables, or migrate those of an older version without losing data."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        version = _version(connection)
        for migrate in _MIGRATIONS[version - 1 :] if version else ():
            migrate(connection)
        METADATA.create_all(connection)
        # The number of a later version stays: its columns exist and must not be added again.
        if version < VERSION:
            connection.execute(sa.delete(_VERSION))
            connection.execute(sa.insert(_VERSION).values(version=VERSION))


def _version(connection: sa.Connection) -> int:
    """Return the version of the tables; 0 if there are none."""
    tables = sa.inspect(connection).get_table_names()
    if _VERSION.name in tables:
        return connection.execute(sa.select(_VERSION.c.version)).scalar() or VERSION
    return 1 if DIALOGS.name in tables else 0


def _add_owners(connection: sa.Connection) -> None:
    _add_column(connection, DIALOGS, "owner TEXT NOT NULL DEFAULT ''")
    _add_column(connection, DIALOGS, "epoch INTEGER NOT NULL DEFAULT 0")


def _add_column(connection: sa.Connection, table: sa.Table, column: str) -> None:
    """Add a column to a table unless an interrupted migration already has: SQLite commits each one separately."""
    name = column.partition(" ")[0]
    if name not in {known["name"] for known in sa.inspect(connection).get_columns(table.name)}:
        connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {column}"))


def _add_triggers(connection: sa.Connection) -> None:
    first = sa.select(sa.func.min(DIALOGS.c.serial)).group_by(DIALOGS.c.trigger)
    # An earlier version made several dialogs of one trigger: they stay, and the first one keeps the trigger.
    connection.execute(sa.update(DIALOGS).where(DIALOGS.c.serial.not_in(first)).values(trigger=""))
    TRIGGERS.create(connection, checkfirst=True)


def _add_beats(connection: sa.Connection) -> None:
    # Version 1 has no owners: their table is created later.
    if sa.inspect(connection).has_table(OWNERS.name):
        _add_column(connection, OWNERS, "beats INTEGER NOT NULL DEFAULT 0")


_MIGRATIONS: Final[tuple[Callable[[sa.Connection], None], ...]] = (_add_owners, _add_triggers, _add_beats)
"""The migrations from each version to the next, the first from version 1."""
VERSION: Final = len(_MIGRATIONS) + 1

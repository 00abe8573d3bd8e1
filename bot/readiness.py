"""The conditions for the bot to be ready, which the health page checks."""

from pathlib import Path

from bot.dialogs.ledger import Ledger
from bot.dialogs.owner_lock import Hold, OwnerLock
from bot.doctor.daemon import daemon_answers, disk_has_room, free_bytes, where_docker_answers
from bot.doctor.report import Caution, Fault, Good, Verdict
from bot.doctor.running import Check
from bot.doctor.state import folder_is_writable
from bot.slack.channel import Channel
from bot.slack.connection import SlackConnection
from commands.engine.interface import Engine
from commands.text import count_of


def ready_checks(
    engine: Engine,
    ledger: Ledger,
    connection: SlackConnection,
    channel: Channel,
    *,
    logs: Path,
    lock: OwnerLock | None,
) -> tuple[Check, ...]:
    """Return the checks; `logs` is the folder of job logs, `lock` that of the owner on PostgreSQL."""

    def database() -> Verdict:
        ledger.try_writing()
        if lock is not None and lock.hold is Hold.TAKEN:
            return Fault("Another warroom of this name uses the database.", "End one of them.")
        return Good("can be written")

    def slack() -> Verdict:
        return slack_is_ready(
            is_open=connection.is_open,
            trouble=connection.trouble,
            token_refusal=channel.token_refusal,
            foreign_connections=connection.foreign_connections,
        )

    return (
        Check("Docker", lambda: daemon_answers(engine)),
        Check("Docker's disk", lambda: where_docker_answers(engine, lambda: disk_has_room(engine, free_bytes))),
        Check("Database", database),
        Check("Job logs", lambda: folder_is_writable(logs, setting="WARROOM_STATE_DIR")),
        Check("Slack", slack),
    )


def slack_is_ready(
    *, is_open: bool, trouble: str | None = None, token_refusal: str | None = None, foreign_connections: int = 0
) -> Verdict:
    """Return whether Slack reaches the bot, and this bot only, and accepts its token.

    `trouble` is why there is no connection, and `token_refusal` Slack's word for why it refuses the token.
    """
    if token_refusal:
        hint = "Install the app again, copy its token to SLACK_BOT_TOKEN if it has changed, and start again."
        return Fault(f"Slack does not accept the bot's token: `{token_refusal}`.", hint)
    if not is_open:
        reason = f": {trouble}" if trouble else "."
        return Fault(
            f"Slack does not answer yet{reason}", "The bot tries again by itself; check the network and proxy."
        )
    if foreign_connections:
        return Caution(
            f"Another bot uses the same tokens ({count_of(foreign_connections, 'connection')}) "
            "and gets some of the commands.",
            "Stop the other bot, or make a second app in Slack for it.",
        )
    return Good("connected")

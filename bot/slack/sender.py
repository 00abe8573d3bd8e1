"""What listeners ask of the sender."""

from typing import Protocol

from bot.dialogs.stages import Dialog


class Sender(Protocol):
    """The sender, as listeners know it; `bot.slack.channel.Channel` is one. No method waits for the network."""

    def whisper(self, channel: str, user: str, text: str, response_url: str = "") -> None:
        """Send a note that only one person sees, if need be by the response URL."""
        ...

    def heard_from(self, channel: str) -> None:
        """Try again now what is owed to a channel in which somebody typed or clicked."""
        ...

    def refresh(self, dialog: Dialog) -> None:
        """Show this stage again: a person sees an older one."""
        ...

    def refusal(self, channel: str) -> str | None:
        """Return Slack's word for why the bot cannot write to a channel now; None if it can."""
        ...

"""A sender that only remembers what it was asked."""

from dataclasses import dataclass, field

from bot.dialogs.stages import Dialog


@dataclass
class FakeSender:
    """See `bot.slack.sender.Sender`. `whispers` are channel, user and text of the notes, `urls` where else they go.

    `refuses` has Slack's word for each closed channel.
    """

    whispers: list[tuple[str, str, str]] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    refreshed: list[Dialog] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)

    def whisper(self, channel: str, user: str, text: str, response_url: str = "") -> None:
        """Remember a note."""
        self.whispers.append((channel, user, text))
        self.urls.append(response_url)

    def heard_from(self, channel: str) -> None:
        """Remember that somebody was there."""
        self.heard.append(channel)

    def refresh(self, dialog: Dialog) -> None:
        """Remember what is shown again."""
        self.refreshed.append(dialog)

    def refusal(self, channel: str) -> str | None:
        """Return the word for a closed channel."""
        return self.refuses.get(channel)

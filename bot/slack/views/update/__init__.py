"""The views of an update."""

from bot.slack.views.update.controls import CONTROLS
from bot.slack.views.update.kind import WORDS, NothingToDoView, UpdatedView, UpdateView

__all__ = ["CONTROLS", "WORDS", "NothingToDoView", "UpdateView", "UpdatedView"]

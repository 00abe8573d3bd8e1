"""The views of a new image."""

from bot.slack.views.create.controls import CONTROLS
from bot.slack.views.create.kind import WORDS, CreatedView, CreationView, ReusedView

__all__ = ["CONTROLS", "WORDS", "CreatedView", "CreationView", "ReusedView"]

"""The views of the images on the host: the list, and the card of one image."""

from bot.slack.views.images.controls import CONTROLS
from bot.slack.views.images.kind import CARD_WORDS, LIST_WORDS, CardView

__all__ = ["CARD_WORDS", "CONTROLS", "LIST_WORDS", "CardView"]

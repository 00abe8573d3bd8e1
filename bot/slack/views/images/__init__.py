"""All that is shown of the images on the host: the list, and the card of one."""

from bot.slack.views.images.controls import CONTROLS
from bot.slack.views.images.kind import CARD_WORDS, LIST_WORDS, CardView

__all__ = ["CARD_WORDS", "CONTROLS", "LIST_WORDS", "CardView"]

"""Dialogs as Block Kit: pure functions from values to blocks."""

from bot.slack.views.announcement import announcement
from bot.slack.views.dialog import render
from bot.slack.views.parts import Message

__all__ = ["Message", "announcement", "render"]

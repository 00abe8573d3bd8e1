"""Dialogs as Block Kit: one pure function each, values in, blocks out."""

from bot.slack.views.announcement import announcement
from bot.slack.views.dialog import render
from bot.slack.views.parts import Message

__all__ = ["Message", "announcement", "render"]

"""Slack's limits. Lengths are in characters; the source is Slack's reference of Block Kit and of its Web API."""

from typing import Final

BLOCKS_CHARACTERS: Final = 12_000
"""All blocks of a message together, as JSON; not documented, the error is `msg_blocks_too_long`.

Users of Slack's SDK report messages of 15,561 such characters that Slack took, and of 17,694 that it refused.
"""
MESSAGE_TEXT: Final = 4_000
"""The text of chat.update; chat.postMessage takes more."""
METADATA_CHARACTERS: Final = 8_000
"""The payload of a message's metadata, as JSON; not documented, the error is `metadata_too_large`."""

HEADER_TEXT: Final = 150
SECTION_TEXT: Final = 3_000
SECTION_FIELDS: Final = 10
CONTEXT_ELEMENTS: Final = 10
BUTTON_TEXT: Final = 75
TABLE_ROWS: Final = 100
CONFIRM_TITLE: Final = 100
CONFIRM_TEXT: Final = 300
CONFIRM_BUTTON: Final = 30

COMMAND_NAME: Final = 32

MODAL_TITLE: Final = 24
"""Also the limit for the labels of a modal's buttons."""
INPUT_LABEL: Final = 2_000
INPUT_TEXT: Final = 3_000
PLACEHOLDER: Final = 150
OPTIONS: Final = 100
OPTION_TEXT: Final = 75
OPTION_VALUE: Final = 150

"""Slack's numbers. Lengths are in characters; the source is Slack's reference of Block Kit and of its Web API."""

from typing import Final

MESSAGE_TEXT: Final = 4_000
MESSAGE_BLOCKS: Final = 50
BLOCKS_CHARACTERS: Final = 13_000
"""All blocks of a message together, as JSON; not documented, answered with `msg_blocks_too_long`."""

BLOCK_ID: Final = 255
ACTION_ID: Final = 255
HEADER_TEXT: Final = 150
SECTION_TEXT: Final = 3_000
SECTION_FIELDS: Final = 10
FIELD_TEXT: Final = 2_000
CONTEXT_ELEMENTS: Final = 10
CONTEXT_TEXT: Final = 3_000
ACTIONS_ELEMENTS: Final = 25
BUTTON_TEXT: Final = 75
BUTTON_VALUE: Final = 2_000
TABLE_ROWS: Final = 100
TABLE_COLUMNS: Final = 20
CONFIRM_TITLE: Final = 100
CONFIRM_TEXT: Final = 300
CONFIRM_BUTTON: Final = 30

COMMAND_NAME: Final = 32
ACKNOWLEDGE_SECONDS: Final = 3
RESPONSE_URL_USES: Final = 5
RESPONSE_URL_SECONDS: Final = 30 * 60
POSTS_PER_SECOND_AND_CHANNEL: Final = 1
UPDATES_PER_MINUTE: Final = 50
"""`chat.update`, for one workspace, all channels and jobs together."""

MODAL_TITLE: Final = 24
"""The words on a modal's buttons too."""
PRIVATE_METADATA: Final = 3_000
INPUT_LABEL: Final = 2_000
INPUT_TEXT: Final = 3_000
PLACEHOLDER: Final = 150
OPTIONS: Final = 100
OPTION_TEXT: Final = 75
OPTION_VALUE: Final = 150

"""The meaning of an error of Slack's Web API for the message or file to send.

The only table of Slack's errors for chat.postMessage, chat.update, chat.postEphemeral, files.getUploadURLExternal and
files.completeUploadExternal; the source is Slack's reference of these methods.
"""

from collections.abc import Mapping
from enum import Enum, auto
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from slack_sdk.errors import SlackApiError

_DEFAULT_WAIT = 5.0
"""The seconds to wait if a rate-limit error does not name them."""


class RefusalMeaning(Enum):
    """How to continue after an error."""

    TOO_FAST = auto()
    """Rate limited: wait as long as Slack says, then send the message again."""
    PASSING = auto()
    """A temporary error in Slack: retry without limit."""
    UNREACHABLE = auto()
    """The bot may not write to the channel."""
    DEAD_TOKEN = auto()
    """Slack does not accept the bot's token, or the token lacks a permission."""
    MISSING = auto()
    """The message, or the parent message of its thread, no longer exists."""
    NOT_EDITABLE = auto()
    """The message exists, but the bot may not edit it."""
    NO_REPLIES = auto()
    """The thread takes no replies, although the channel takes messages."""
    SIMPLER = auto()
    """Slack may accept the message with less in it."""
    UNWANTED = auto()
    """Slack never accepts this file there: a retry is useless."""
    REFUSED = auto()
    """Another error, which a retry is unlikely to fix."""


_ERRORS: Final[Mapping[RefusalMeaning, tuple[str, ...]]] = MappingProxyType(
    {
        RefusalMeaning.TOO_FAST: ("ratelimited", "rate_limited", "message_limit_exceeded"),
        RefusalMeaning.PASSING: (
            *("internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"),
            *("update_failed", "external_channel_migrating", "streaming_state_conflict", "file_update_failed"),
        ),
        RefusalMeaning.UNREACHABLE: (
            *("not_in_channel", "channel_not_found", "invalid_channel", "is_archived", "is_inactive"),
            *("team_not_found", "messages_tab_disabled", "app_access_restricted", "posting_to_channel_denied"),
        ),
        RefusalMeaning.DEAD_TOKEN: (
            *("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"),
            *("missing_scope", "not_allowed_token_type", "no_permission", "access_denied", "accesslimited"),
            *("org_login_required", "ekm_access_denied", "team_access_not_granted", "enterprise_is_restricted"),
            "two_factor_setup_required",
        ),
        RefusalMeaning.MISSING: ("message_not_found", "thread_not_found"),
        RefusalMeaning.NOT_EDITABLE: ("cant_update_message", "edit_window_closed"),
        RefusalMeaning.NO_REPLIES: (
            *("restricted_action_non_threadable_channel", "restricted_action_thread_locked"),
            "cannot_reply_to_message",
        ),
        RefusalMeaning.SIMPLER: (
            *("msg_blocks_too_long", "msg_too_long", "block_mismatch", "markdown_text_conflict"),
            *("attachment_payload_limit_exceeded", "invalid_attachments", "too_many_attachments"),
            *("too_many_contact_cards", "invalid_arguments", "invalid_arg_name", "invalid_array_arg"),
            *("invalid_charset", "invalid_form_data", "invalid_json", "json_not_object"),
        ),
        RefusalMeaning.UNWANTED: (
            *("file_type_not_allowed", "blocked_file_type", "file_upload_size_restricted", "snippet_too_large"),
            *("file_uploads_disabled", "file_uploads_except_images_disabled", "storage_limit_reached"),
            *("user_is_external_guest", "unable_to_share_files", "file_share_limit_reached"),
            *("max_file_sharing_exceeded", "channels_limit_exceeded", "missing_argument"),
            *("alt_txt_too_large", "unknown_snippet_type", "unknown_subtype"),
        ),
        RefusalMeaning.REFUSED: (
            *("no_text", "invalid_post_type", "missing_post_type", "method_deprecated", "deprecated_endpoint"),
            *("as_user_not_supported", "cant_broadcast_message", "no_dual_broadcast_content_update"),
            *("draft_already_deleted", "draft_already_sent", "draft_has_conflict", "draft_not_found"),
            *("duplicate_channel_not_found", "duplicate_message_not_found", "missing_file_data"),
            *("send_on_behalf_not_allowed", "file_deleted", "file_is_deleted", "file_not_found"),
            *("user_not_in_channel", "upgrade_required"),
        ),
    }
)
_MEANINGS: Final = {reason: means for means, reasons in _ERRORS.items() for reason in reasons}
_PREFIXES: Final = {
    # The SDK's words for an answer that is not Slack's, but that of a proxy for example.
    "Received a response in a non-JSON format": RefusalMeaning.PASSING,
    "restricted_action": RefusalMeaning.UNREACHABLE,
    "metadata_": RefusalMeaning.SIMPLER,
    "invalid_metadata_": RefusalMeaning.SIMPLER,
    "invalid_blocks": RefusalMeaning.SIMPLER,
    "slack_connect_": RefusalMeaning.UNWANTED,
}
_LACKING: Final = ("missing_scope", "not_allowed_token_type", "no_permission", "access_denied", "accesslimited")
"""The token works, but not for this method."""
_INVITE: Final = "Invite it with `/invite`; this dialog then follows by itself."
_OPERATOR: Final = "Tell the bot's operator; this dialog follows by itself once that is repaired."
_ARCHIVED: Final = "The channel is archived: restore it, or use another one."


def meaning(error: SlackApiError) -> RefusalMeaning:
    """Return the meaning of an error."""
    reason, status = str(error.response.get("error")), error.response.status_code
    known = meaning_of(reason) or RefusalMeaning.REFUSED
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RefusalMeaning.TOO_FAST
    return RefusalMeaning.PASSING if status >= HTTPStatus.INTERNAL_SERVER_ERROR else known


def meaning_of(reason: str) -> RefusalMeaning | None:
    """Return the meaning of Slack's word for an error; None if it is not in Slack's reference."""
    by_prefix = (means for prefix, means in _PREFIXES.items() if reason.startswith(prefix))
    return _MEANINGS.get(reason) or next(by_prefix, None)


def is_lacking(reason: str) -> bool:
    """Return whether the token works, but lacks the permission for this method."""
    return reason in _LACKING


def advice(reason: str) -> str:
    """Return what a person can do about Slack's word for an error."""
    match reason, meaning_of(reason):
        case "not_in_channel", _:
            return _INVITE
        case (("channel_not_found" | "invalid_channel"), _):
            return f"If the channel is private: {_INVITE[0].lower()}{_INVITE[1:]}"
        case (("is_archived" | "is_inactive"), _):
            return _ARCHIVED
        case _, RefusalMeaning.UNREACHABLE:
            return "The settings of the workspace forbid it: ask an administrator of the workspace."
        case _:
            return _OPERATOR


def seconds_to_wait(error: SlackApiError) -> float:
    """Return `Retry-After` in seconds, or the default."""
    try:
        return max(0.0, float(error.response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return _DEFAULT_WAIT

"""What each error of Slack's Web API means for the sender: the whole of Slack's reference, and errors beyond it."""

import pytest

from bot.slack.answers import RefusalMeaning, advice, meaning, meaning_of
from tests.fakes.slack_client import refusal

# As Slack documents them, method by method.
EVERY_METHOD = """
    access_denied accesslimited account_inactive deprecated_endpoint ekm_access_denied enterprise_is_restricted
    fatal_error internal_error invalid_arg_name invalid_arguments invalid_array_arg invalid_auth invalid_charset
    invalid_form_data invalid_post_type method_deprecated missing_post_type missing_scope no_permission
    not_allowed_token_type not_authed org_login_required ratelimited request_timeout service_unavailable
    team_access_not_granted team_added_to_org token_expired token_revoked two_factor_setup_required
"""
POST_MESSAGE = """
    app_access_restricted as_user_not_supported attachment_payload_limit_exceeded cannot_reply_to_message
    channel_not_found draft_already_deleted draft_already_sent draft_has_conflict draft_not_found
    duplicate_channel_not_found duplicate_message_not_found invalid_blocks invalid_blocks_format
    invalid_metadata_format invalid_metadata_schema is_archived markdown_text_conflict message_limit_exceeded
    messages_tab_disabled metadata_must_be_sent_from_app metadata_too_large missing_file_data msg_blocks_too_long
    no_text not_in_channel rate_limited restricted_action restricted_action_non_threadable_channel
    restricted_action_read_only_channel restricted_action_thread_locked restricted_action_thread_only_channel
    send_on_behalf_not_allowed slack_connect_canvas_sharing_blocked slack_connect_file_link_sharing_blocked
    slack_connect_lists_sharing_blocked team_not_found too_many_attachments too_many_contact_cards
"""
UPDATE = """
    block_mismatch blocked_file_type cant_broadcast_message cant_update_message edit_window_closed
    external_channel_migrating file_deleted file_is_deleted file_not_found file_share_limit_reached
    invalid_attachments is_inactive max_file_sharing_exceeded message_not_found msg_too_long
    no_dual_broadcast_content_update posting_to_channel_denied slack_connect_blocked_file_type
    slack_connect_clip_sharing_blocked slack_connect_file_upload_sharing_blocked streaming_state_conflict
    unable_to_share_files update_failed
"""
POST_EPHEMERAL = "user_not_in_channel"
UPLOAD = """
    alt_txt_too_large file_type_not_allowed file_upload_size_restricted file_uploads_disabled
    file_uploads_except_images_disabled missing_argument snippet_too_large storage_limit_reached
    unknown_snippet_type unknown_subtype channels_limit_exceeded file_update_failed invalid_channel
    user_is_external_guest
"""
DOCUMENTED = [*EVERY_METHOD.split(), *POST_MESSAGE.split(), *UPDATE.split(), POST_EPHEMERAL, *UPLOAD.split()]


@pytest.mark.parametrize("reason", DOCUMENTED)
def test_every_documented_error_has_a_meaning(reason: str) -> None:
    assert meaning_of(reason) is not None


@pytest.mark.parametrize(
    ("reason", "means"),
    [
        ("restricted_action_of_the_future", RefusalMeaning.UNREACHABLE),
        ("restricted_action_thread_locked", RefusalMeaning.NO_REPLIES),
        ("metadata_of_the_future", RefusalMeaning.SIMPLER),
        ("Received a response in a non-JSON format: <html>", RefusalMeaning.PASSING),
        ("is_inactive", RefusalMeaning.UNREACHABLE),
        ("update_failed", RefusalMeaning.PASSING),
        ("team_access_not_granted", RefusalMeaning.DEAD_TOKEN),
        ("edit_window_closed", RefusalMeaning.NOT_EDITABLE),
        ("a_new_error", RefusalMeaning.REFUSED),
    ],
)
def test_an_error_means(reason: str, means: RefusalMeaning) -> None:
    assert meaning(refusal(reason)) is means


def test_the_status_goes_before_the_word() -> None:
    assert meaning(refusal("a_new_error", status=502)) is RefusalMeaning.PASSING
    assert meaning(refusal("a_new_error", status=429)) is RefusalMeaning.TOO_FAST


def test_an_invitation_is_proposed_only_where_it_helps() -> None:
    assert {reason for reason in DOCUMENTED if "/invite" in advice(reason)} == {
        "not_in_channel",
        "channel_not_found",
        "invalid_channel",
    }

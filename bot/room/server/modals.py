"""Modals: the bot opens and changes them, a person fills them in, submits or closes them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import JsonValue, ValidationError

from bot.room.blocks import clickables, with_ids
from bot.room.events import Block, OpenView, Submitted
from bot.room.server import arguments as sent
from bot.room.server.chat import Reply
from bot.room.server.conversation import RoomMessages
from bot.room.server.forms import Entries, form_errors, form_state, inputs
from bot.room.server.occasions import Occasion, Occasions
from bot.room.server.payloads import (
    chosen_option,
    click_action,
    closing_payload,
    submission_payload,
    view_click_payload,
)
from bot.room.server.refusals import RefusedError
from bot.room.server.shapes import view_shape
from bot.room.server.socket_mode import Ack, Delivery, SocketMode
from bot.room.server.sources import RoomSources
from bot.room.workspace import Member, Workspace, WorkspaceChannel

TROUBLE: Final = "We had some trouble connecting. Try again?"
"""Slack's words if the app does not answer a form, or not in a form that Slack understands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewClick:
    """A click on an element of a modal, with the entries so far."""

    view_id: str
    action_id: str
    block_id: str | None = None
    value: str | None = None
    entries: Entries = field(default_factory=dict)


class Modals:
    """The methods views.* of the bot's side, and what people do with modals."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        conversation: RoomMessages,
        occasions: Occasions,
        socket_mode: SocketMode,
        sources: RoomSources,
    ) -> None:
        self._workspace = workspace
        self._conversation = conversation
        self._occasions = occasions
        self._socket_mode = socket_mode
        self._new_secret = sources.new_secret
        self._now = sources.now

    # --- The bot's side ------------------------------------------------------------------------------------------

    def open(self, values: Reply) -> Reply:
        """views.open."""
        asked = sent.OpenModal.read(values)
        # Slack looks at the view first: a bad one does not use the trigger up.
        content = sent.sound_modal(asked.view)
        occasion = self._occasions.exchange(asked.trigger_id)
        view = OpenView(
            id=f"V{self._new_secret()}",
            user=occasion.person.id,
            channel=occasion.channel.id,
            hash=self._hash(),
            content=self._with_ids(content),
            trigger_id=occasion.trigger_id,
        )
        self._conversation.show_view(view)
        return {"view": view_shape(view, self._workspace, state={"values": {}})}

    def update(self, values: Reply) -> Reply:
        """views.update: what was entered stays in fields that keep their block id and action id."""
        asked = sent.UpdateModal.read(values)
        content = sent.sound_modal(asked.view)
        view = self._find(asked)
        if asked.hash is not None and asked.hash != view.hash:
            raise RefusedError("hash_conflict")
        changed = self._show(view, content)
        return {"view": view_shape(changed, self._workspace, state={"values": {}})}

    # --- The people's side ---------------------------------------------------------------------------------------

    async def submit(self, person: Member, view_id: str, entries: Entries) -> Submitted:
        """Send a form to the bot; returns when the bot has answered, or has had its time."""
        view = self._own(person, view_id)
        if errors := form_errors(view.content, entries):
            return Submitted(outcome="errors", errors=errors)
        occasion = self._occasions.new(person, self._channel(view))
        state = form_state(view.content, entries)
        payload = submission_payload(occasion, self._workspace, view=view, state=state)
        ack = await self._ack_of(occasion, payload)
        return Submitted(outcome="failed", message=TROUBLE) if ack is None else self._outcome_of(view, ack.payload)

    async def close(self, person: Member, view_id: str) -> None:
        """Close a modal by hand; the bot hears of it where it asked to."""
        view = self._own(person, view_id)
        self._conversation.close_view(view)
        if view.content.get("notify_on_close"):
            occasion = self._occasions.new(person, self._channel(view))
            await self._ack_of(occasion, closing_payload(occasion, self._workspace, view=view))

    async def click(self, person: Member, click: ViewClick) -> Submitted:
        """Send a click on an element of a modal to the bot; returns when the bot has acknowledged."""
        view = self._own(person, click.view_id)
        block_id, element = _clicked_element(view, click)
        occasion = self._occasions.new(person, self._channel(view))
        action = click_action(element, block_id=block_id, value=click.value, action_ts=f"{self._now():.6f}")
        state = form_state(view.content, click.entries)
        payload = view_click_payload(occasion, self._workspace, view=view, state=state, action=action)
        ack = await self._ack_of(occasion, payload)
        return Submitted(outcome="taken") if ack else Submitted(outcome="failed", message=TROUBLE)

    async def _ack_of(self, occasion: Occasion, payload: Reply) -> Ack | None:
        answer: asyncio.Future[Ack | None] = asyncio.get_running_loop().create_future()
        delivery = Delivery(
            type="interactive",
            payload=payload,
            accepts_answer=payload["type"] == "view_submission",
            on_ack=_setter(answer),
            on_timeout=lambda: _setter(answer)(None),
        )
        if not await self._socket_mode.deliver(delivery):
            return None
        ack = await answer
        if ack is not None:
            self._conversation.record_ack(
                channel=occasion.channel.id,
                user=occasion.person.id,
                trigger_id=occasion.trigger_id,
                envelope_id=ack.envelope_id,
                milliseconds=ack.milliseconds,
            )
        return ack

    def _outcome_of(self, view: OpenView, payload: JsonValue) -> Submitted:
        try:
            return self._carry_out(view, sent.ModalAnswer.model_validate(payload or {}))
        except (ValidationError, RefusedError):
            return Submitted(outcome="failed", message=TROUBLE)

    def _carry_out(self, view: OpenView, answer: sent.ModalAnswer) -> Submitted:
        match answer.response_action:
            case "errors":
                fields = {str(block["block_id"]) for block, _ in inputs(view.content)}
                if not answer.errors or not fields.issuperset(answer.errors):
                    raise RefusedError("invalid_arguments")
                return Submitted(outcome="errors", errors=answer.errors)
            case "update":
                self._show(view, sent.sound_modal(answer.view))
            case "clear" | None:
                self._close(view)
        return Submitted(outcome="taken")

    def _close(self, view: OpenView) -> None:
        shown = self._conversation.view(view.user)
        # While the bot was thinking, it may have been closed by hand, or another one been opened.
        if shown is not None and shown.id == view.id:
            self._conversation.close_view(shown)

    def _show(self, view: OpenView, content: Block) -> OpenView:
        changed = replace(view, hash=self._hash(), content=self._with_ids(content))
        self._conversation.show_view(changed)
        return changed

    def _find(self, asked: sent.UpdateModal) -> OpenView:
        for person in self._workspace.people:
            view = self._conversation.view(person.id)
            if view is not None and (
                view.id == asked.view_id or (asked.external_id and view.content.get("external_id") == asked.external_id)
            ):
                return view
        raise RefusedError("not_found")

    def _own(self, person: Member, view_id: str) -> OpenView:
        view = self._conversation.view(person.id)
        if view is None or view.id != view_id:
            raise RefusedError("view_not_found", ["This form is no longer open. Type the command again."])
        return view

    def _channel(self, view: OpenView) -> WorkspaceChannel:
        channel = self._workspace.channel(view.channel)
        if channel is None:
            raise RefusedError("channel_not_found", ["The channel of this form is gone."])
        return channel

    def _with_ids(self, content: Block) -> Block:
        blocks = content["blocks"]
        found = [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
        return {**content, "blocks": list(with_ids(found, new_id=self._new_secret))}

    def _hash(self) -> str:
        return f"{int(self._now())}.{self._new_secret()[:8]}"


def _setter(answer: "asyncio.Future[Ack | None]") -> Callable[[Ack | None], None]:
    def set_once(ack: Ack | None) -> None:
        # The request may have been cut off meanwhile.
        if not answer.done():
            answer.set_result(ack)

    return set_once


def _clicked_element(view: OpenView, click: ViewClick) -> tuple[str, Block]:
    blocks = view.content["blocks"]
    shown = clickables(block for block in blocks if isinstance(block, dict)) if isinstance(blocks, list) else ()
    for block_id, element in shown:
        if element["action_id"] == click.action_id and click.block_id in {None, block_id}:
            if element["type"] != "button" and chosen_option(element, click.value) is None:
                raise RefusedError("option_not_found", [f"`{click.action_id}` has no option `{click.value}`."])
            return block_id, element
    raise RefusedError("action_not_found", [f"The form has no `{click.action_id}`."])

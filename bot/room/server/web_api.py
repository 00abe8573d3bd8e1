"""Slack's Web API over HTTP: `/api/METHOD`, uploads, private files and response URLs."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.room.server import arguments as sent
from bot.room.server.bodies import MOST_BYTES, MOST_BYTES_OF_ANYBODY, body_of
from bot.room.server.chat import Chat, Reply
from bot.room.server.door import Tokens, bearer, same
from bot.room.server.files import RoomFiles
from bot.room.server.modals import Modals
from bot.room.server.rates import RateMeter
from bot.room.server.refusals import RefusedError, TooManyCallsError
from bot.room.server.response_urls import ResponseUrls, UrlRefusal
from bot.room.server.sharing import Sharing
from bot.room.server.socket_mode import SocketMode
from bot.room.server.validation import validate
from bot.room.workspace import Workspace

SCOPES = "commands,chat:write,files:write"
_FOR_ANYBODY = frozenset({"api.test"})
"""Methods that take no token, as in Slack."""

Method = Callable[[Reply], Reply]


class WebApi:
    """Answers the bot's HTTP requests."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        tokens: Tokens,
        meter: RateMeter,
        chat: Chat,
        sharing: Sharing,
        modals: Modals,
        files: RoomFiles,
        response_urls: ResponseUrls,
        socket_mode: SocketMode,
        url: str,
    ) -> None:
        self._workspace = workspace
        self._tokens = tokens
        self._meter = meter
        self._chat = chat
        self._files = files
        self._response_urls = response_urls
        self._socket_mode = socket_mode
        self._url = url
        self._methods: dict[str, Method] = {
            "api.test": self._api_test,
            "apps.connections.open": self._open_connection,
            "auth.test": self._auth_test,
            "blocks.validate": validate,
            "chat.delete": chat.delete,
            "chat.getPermalink": chat.permalink,
            "chat.postEphemeral": chat.post_ephemeral,
            "chat.postMessage": chat.post,
            "chat.update": chat.update,
            "conversations.info": chat.channel_info,
            "files.completeUploadExternal": sharing.complete,
            "files.getUploadURLExternal": sharing.announce,
            "files.info": sharing.info,
            "views.open": modals.open,
            "views.update": modals.update,
        }

    def routes(self) -> list[Route]:
        """List the addresses of the bot's side."""
        return [
            Route("/api/{method}", self._call, methods=["GET", "POST"]),
            Route("/upload/{ticket}", self._upload, methods=["POST"]),
            Route("/files-pri/{file_id}", self._private_file, methods=["GET"]),
            Route("/response/{secret}", self._respond, methods=["POST"]),
        ]

    async def _call(self, request: Request) -> Response:
        try:
            reply = await self._answer(request)
        except TooManyCallsError as refusal:
            return JSONResponse(
                {"ok": False, "error": "ratelimited"},
                status_code=429,
                headers={"Retry-After": str(refusal.retry_after)},
            )
        except RefusedError as refusal:
            return JSONResponse(refusal.body())
        return JSONResponse({"ok": True} | reply, headers={"x-oauth-scopes": SCOPES})

    async def _answer(self, request: Request) -> Reply:
        name = request.path_params["method"]
        method = self._methods.get(name)
        if method is None:
            raise RefusedError("unknown_method")
        self._authenticate(name, bearer(request.headers))
        content_type = request.headers.get("content-type", "")
        body = await body_of(request, most=MOST_BYTES_OF_ANYBODY if name in _FOR_ANYBODY else MOST_BYTES)
        values = sent.body_arguments(content_type, body, request.query_params)
        if wait := self._meter.wait_for(name, str(values.get("channel", ""))):
            raise TooManyCallsError(wait)
        return method(values)

    def _authenticate(self, method: str, token: str) -> None:
        if method in _FOR_ANYBODY:
            return
        if not token:
            raise RefusedError("not_authed")
        is_app, is_bot = same(token, self._tokens.app), same(token, self._tokens.bot)
        if not is_app and not is_bot:
            raise RefusedError("invalid_auth")
        if is_app != (method == "apps.connections.open"):
            raise RefusedError("not_allowed_token_type")

    def _api_test(self, values: Reply) -> Reply:
        if "error" in values:
            raise RefusedError(str(values["error"]))
        return {"args": values}

    def _open_connection(self, _: Reply) -> Reply:
        address = self._url.removeprefix("http://")
        return {"url": f"ws://{address}/link?ticket={self._socket_mode.new_ticket()}"}

    def _auth_test(self, _: Reply) -> Reply:
        bot, team = self._workspace.bot, self._workspace.team
        return {
            "url": f"{self._url}/",
            "team": team.name,
            "team_id": team.id,
            "user": bot.name,
            "user_id": bot.user_id,
            "bot_id": bot.bot_id,
            "is_enterprise_install": False,
        }

    async def _upload(self, request: Request) -> Response:
        """Take the bytes of a file. The ticket in the address is the permission, as in Slack."""
        ticket = request.path_params["ticket"]
        length = self._files.expected(ticket)
        if length is None:
            return PlainTextResponse("No upload was announced here.", 404)
        content = await body_of(request, most=length)
        if len(content) != length:
            return PlainTextResponse(f"{length} bytes were announced, {len(content)} came.", 400)
        self._files.receive(ticket, content)
        return PlainTextResponse(f"OK - {length}")

    async def _private_file(self, request: Request) -> Response:
        if not same(bearer(request.headers), self._tokens.bot):
            return PlainTextResponse("Send the bot's token.", 403)
        content = self._files.content(request.path_params["file_id"])
        if content is None:
            return PlainTextResponse("No such file.", 404)
        return Response(content, media_type="application/octet-stream")

    async def _respond(self, request: Request) -> Response:
        """Answer a command or click. The secret in the address is the permission, as in Slack."""
        target = self._response_urls.use(request.path_params["secret"])
        if isinstance(target, UrlRefusal):
            return JSONResponse({"ok": False, "error": target.value}, status_code=404)
        try:
            values = sent.body_arguments("application/json", await body_of(request), {})
            self._chat.answer(sent.CommandAnswer.read(values), target)
        except RefusedError as refusal:
            return JSONResponse(refusal.body(), status_code=400)
        return PlainTextResponse("ok")

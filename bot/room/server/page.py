"""The page that people look at: files of the package, served as they are, and the exchange of token for cookie."""

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from bot.room.server.bodies import MOST_BYTES_OF_ANYBODY, body_of
from bot.room.server.conversation import RoomMessages
from bot.room.server.door import PeoplesDoor

STATIC: Final = Path(__file__).parent.parent / "static"


class _Token(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str


class PageServer:
    """Serves the page, and signs it in."""

    def __init__(self, *, conversation: RoomMessages, door: PeoplesDoor) -> None:
        self._conversation = conversation
        self._door = door

    def routes(self) -> list[BaseRoute]:
        """List the addresses of the page. Only the session is guarded: the files are public."""
        return [
            Route("/", self._index, methods=["GET"]),
            Route("/favicon.ico", self._icon, methods=["GET"]),
            Route("/room/session", self._session, methods=["GET"]),
            Route("/room/session", self._sign_in, methods=["POST"]),
            Mount("/static", _Files(directory=STATIC)),
        ]

    async def _index(self, _: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def _icon(self, _: Request) -> Response:
        return FileResponse(STATIC / "icon.svg")

    async def _session(self, request: Request) -> Response:
        """Tell the page whether it is signed in, and the id of the room's history: a new one makes it start over."""
        if not self._door.lets_in(request):
            return JSONResponse({"error": "invalid_auth"}, status_code=401)
        return JSONResponse({"history": self._conversation.history})

    async def _sign_in(self, request: Request) -> Response:
        """Take the token from the printed address and give the cookie for it."""
        # No other content type: a form of a foreign page could send those without asking.
        if request.headers.get("content-type", "") != "application/json":
            return JSONResponse({"error": "invalid_post_type"}, status_code=415)
        try:
            sent = _Token.model_validate_json(await body_of(request, most=MOST_BYTES_OF_ANYBODY))
        except ValidationError:
            return JSONResponse({"error": "invalid_arguments"}, status_code=422)
        session = self._door.session_for(sent.token)
        if session is None:
            return JSONResponse({"error": "invalid_auth"}, status_code=401)
        response = JSONResponse({"history": self._conversation.history})
        response.set_cookie(self._door.cookie_name, session, httponly=True, samesite="strict")
        return response


class _Files(StaticFiles):
    """Static files that a browser revalidates each time, so that no page mixes two versions after an upgrade."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Serve one file."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response

"""Put a room together: its state, the bot's side, the people's side and the page, behind one check of each request."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute

from bot.room.server.channels import Channels
from bot.room.server.chat import Chat
from bot.room.server.conversation import RoomMessages
from bot.room.server.door import Door, PeoplesDoor, Tokens
from bot.room.server.files import RoomFiles
from bot.room.server.modals import Modals
from bot.room.server.occasions import Occasions
from bot.room.server.page import PageServer
from bot.room.server.people import People
from bot.room.server.people_api import PeopleApi
from bot.room.server.rates import RateLimits, RateMeter
from bot.room.server.response_urls import ResponseUrls
from bot.room.server.sharing import Sharing
from bot.room.server.socket_mode import SocketMode
from bot.room.server.sources import RoomSources
from bot.room.server.store import Store
from bot.room.server.web_api import WebApi
from bot.room.workspace import KnownCommand, Workspace


def room_app(
    *,
    url: str,
    commands: Sequence[KnownCommand],
    workspace: Workspace,
    limits: RateLimits,
    tokens: Tokens,
    sources: RoomSources,
    socket_mode: SocketMode,
    store: Store,
    history: str,
) -> Starlette:
    """Make the web application that answers at `url`."""
    conversation = RoomMessages(now=sources.now, history=history, store=store)
    files = RoomFiles(new_secret=sources.new_secret, store=store)
    response_urls = ResponseUrls(sources=sources, store=store)
    occasions = Occasions(response_urls=response_urls, sources=sources, url=url)
    channels = Channels(workspace)
    chat = Chat(workspace=workspace, channels=channels, conversation=conversation, new_id=sources.new_secret, url=url)
    modals = Modals(
        workspace=workspace,
        conversation=conversation,
        occasions=occasions,
        socket_mode=socket_mode,
        sources=sources,
    )
    web_api = WebApi(
        workspace=workspace,
        tokens=tokens,
        meter=RateMeter(limits, clock=sources.clock),
        chat=chat,
        sharing=Sharing(
            workspace=workspace, channels=channels, conversation=conversation, chat=chat, files=files, url=url
        ),
        modals=modals,
        files=files,
        response_urls=response_urls,
        socket_mode=socket_mode,
        url=url,
    )
    people = People(
        workspace=workspace,
        conversation=conversation,
        chat=chat,
        socket_mode=socket_mode,
        occasions=occasions,
        commands=frozenset(command.name for command in commands),
        sources=sources,
    )
    door = PeoplesDoor(tokens.user, port=int(url.rpartition(":")[2]))
    people_api = PeopleApi(
        workspace=workspace,
        commands=commands,
        channels=channels,
        conversation=conversation,
        people=people,
        modals=modals,
        files=files,
        door=door,
    )
    page = PageServer(conversation=conversation, door=door)
    link = WebSocketRoute("/link", socket_mode.serve)
    routes = [*web_api.routes(), *people_api.routes(), *page.routes(), link]
    return Starlette(routes=routes, middleware=[Middleware(Door)])

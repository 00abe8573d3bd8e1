"""Put a room together: its state, the bot's side and the people's side, behind one door."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute

from bot.room.chat import Chat
from bot.room.conversation import Conversation
from bot.room.door import LoopbackOnly, Tokens
from bot.room.files import Files
from bot.room.people import People
from bot.room.people_api import PeopleApi
from bot.room.rates import RateLimits, RateMeter
from bot.room.response_urls import ResponseUrls
from bot.room.sharing import Sharing
from bot.room.socket_mode import SocketMode
from bot.room.sources import Sources
from bot.room.web_api import WebApi
from bot.room.workspace import Workspace


def room_app(
    *,
    url: str,
    commands: frozenset[str],
    workspace: Workspace,
    limits: RateLimits,
    tokens: Tokens,
    sources: Sources,
    socket_mode: SocketMode,
) -> Starlette:
    """Make the web application that answers at `url`."""
    conversation = Conversation(now=sources.now)
    files = Files(new_secret=sources.new_secret)
    response_urls = ResponseUrls(sources=sources)
    chat = Chat(workspace=workspace, conversation=conversation, new_id=sources.new_secret, url=url)
    web_api = WebApi(
        workspace=workspace,
        tokens=tokens,
        meter=RateMeter(limits, clock=sources.clock),
        chat=chat,
        sharing=Sharing(workspace=workspace, conversation=conversation, chat=chat, files=files, url=url),
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
        response_urls=response_urls,
        commands=commands,
        sources=sources,
        url=url,
    )
    people_api = PeopleApi(
        workspace=workspace, conversation=conversation, people=people, files=files, token=tokens.user
    )
    link = WebSocketRoute("/link", socket_mode.serve)
    return Starlette(routes=[*web_api.routes(), *people_api.routes(), link], middleware=[Middleware(LoopbackOnly)])

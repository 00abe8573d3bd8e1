"""Two promises of the map in CONTRIBUTING.md: who calls Slack's Web API, and who changes a Docker host."""

import ast
from collections.abc import Container, Iterator
from pathlib import Path

import pytest
from slack_sdk import WebClient

from bot.slack.sender_client import SlackClient
from commands.engine.interface import Engine

ROOT = Path(__file__).parents[2]

WEB_API = frozenset(name for kind in (WebClient, SlackClient) for name in vars(kind) if not name.startswith("_"))

SLACK_CALLERS = {
    "bot/slack/channel.py": "the sender: forms and notes",
    "bot/slack/messages.py": "the sender's messages",
    "bot/slack/uploads.py": "the sender's files",
    "bot/slack/whispers.py": "the sender's notes",
    "bot/slack/sender_client.py": "the SDK as the sender uses it",
    "bot/slack/metered.py": "passes the sender's calls on and counts them",
    "bot/slack/connection.py": "asks whose token it is before it connects",
    "bot/slack/judge.py": "has messages validated for `warroom check`, which posts none of them",
    "bot/slack/probe.py": "checks the tokens for `warroom check`, which sends nothing",
}

READING = frozenset(
    {
        "containers",
        "describe",
        "disk_use",
        "find_image",
        "history",
        "images",
        "listing",
        "login",
        "names",
        "registry_rules",
    }
)
THROW_AWAY = frozenset({"read_files", "run"})
"""These make a container and remove it: the images on the host stay as they are."""
CHANGING = frozenset({"build", "cancel_build", "cancel_pull", "import_image", "pull", "remove_image", "sweep", "tag"})

# Besides `commands/carry_out`: each call, and why it may be made there.
ENGINE_CALLERS = {
    ("bot/doctor/daemon.py", "build"): "`warroom check` builds an image of nothing",
    ("bot/doctor/daemon.py", "sweep"): "`warroom check` removes the image it built",
    ("bot/wiring.py", "run"): "the resolver gets this one method, for throw-away containers",
    ("commands/available_updates/rebuilds.py", "pull"): "a newer base is pulled by digest, which moves no tag",
    ("commands/inventory/reading.py", "read_files"): "an inventory is read through a container that never starts",
    ("commands/packages/toolbox.py", "import_image"): "resolving needs an image that holds `uv`",
    ("commands/proposing.py", "pull"): "a missing base is pulled before anything can be proposed",
    ("commands/recipe/base.py", "run"): "a look at a base runs in a throw-away container",
    ("commands/recipe/verification.py", "run"): "the check of a built image runs in a throw-away container",
}


def modules() -> Iterator[tuple[str, str]]:
    """Read every module of the program, with its path."""
    for folder in ("bot", "commands"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield str(file.relative_to(ROOT)), file.read_text()


def web_api_calls(text: str) -> set[str]:
    """Find the methods of Slack's Web API that a module mentions, whatever the client is called."""
    return {node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute) and node.attr in WEB_API}


def engine_calls(text: str, methods: Container[str]) -> set[str]:
    """Find the methods of an engine that a module mentions, called at once or passed on."""
    tree = ast.parse(text)
    engines = {"engine", "_engine", "daemon"} | set(_named_engines(tree))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in methods and _last_word(node.value) in engines
    }


def _named_engines(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.arg(arg=name, annotation=ast.Name(id="Engine" | "DockerDaemon")):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="Engine" | "DockerDaemon")):
                yield name
            case ast.Assign(targets=[target], value=ast.Call(func=ast.Name(id="DockerDaemon"))):
                yield _last_word(target)
            case ast.Assign(targets=[target], value=ast.Attribute(attr="engine" | "_engine")):
                yield _last_word(target)
            case _:
                pass


def _last_word(node: ast.expr) -> str:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def may_change_a_host(path: str) -> bool:
    """Say whether a module carries out what was confirmed, or is the engine itself."""
    return path.startswith(("commands/carry_out/", "commands/engine/"))


def test_only_the_sender_calls_the_web_api_of_slack() -> None:
    assert {path for path, text in modules() if web_api_calls(text)} == set(SLACK_CALLERS)


def test_only_what_was_confirmed_changes_a_host() -> None:
    found = {
        (path, method)
        for path, text in modules()
        if not may_change_a_host(path)
        for method in engine_calls(text, CHANGING | THROW_AWAY)
    }
    assert found == set(ENGINE_CALLERS)


def test_every_method_of_an_engine_changes_a_host_or_reads_it() -> None:
    methods = {name for name in vars(Engine) if not name.startswith("_")}
    assert sorted([*READING, *THROW_AWAY, *CHANGING]) == sorted(methods)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("client.chat_postMessage(channel='C1')", {"chat_postMessage"}),
        ("self._web.views_open(trigger_id='1', view={})", {"views_open"}),
        ("later(client.api_call)", {"api_call"}),
        ("self.channel.post(message)", set()),
    ],
)
def test_a_call_of_the_web_api_is_found(text: str, found: set[str]) -> None:
    assert web_api_calls(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sources.engine.remove_image('a:1')", {"remove_image"}),
        ("self._engine.tag(image, 'a', '1')", {"tag"}),
        ("def clean(daemon: Engine) -> None:\n    daemon.sweep('a', 'b')", {"sweep"}),
        ("daemon = DockerDaemon(None)\ndaemon.pull(reference, print)", {"pull"}),
        ("daemon = part.engine\ndaemon.pull(reference, print)", {"pull"}),
        ("ended_by(cancellation, engine.cancel_pull)", {"cancel_pull"}),
        ("engine.find_image('a:1')\nparser.build()", set()),
    ],
)
def test_a_call_that_changes_a_host_is_found(text: str, found: set[str]) -> None:
    assert engine_calls(text, CHANGING) == found

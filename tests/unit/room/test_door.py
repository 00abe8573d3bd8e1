"""Who may come in."""

import pytest

from bot.hosts import is_loopback
from bot.room.server.door import same
from bot.room.server.room import Room, RoomAddressError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
def test_loopback_is_recognised(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "192.168.1.4", "::", "evil.example", "127.0.0.1.evil.example"])
def test_everything_else_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4"])
def test_a_room_refuses_to_listen_to_others_and_says_why(host: str) -> None:
    with pytest.raises(RoomAddressError, match="as good as root"):
        Room(host=host)


def test_a_taken_port_is_refused_with_advice() -> None:
    room = Room()
    try:
        with pytest.raises(RoomAddressError, match="choose another port"):
            Room(port=int(room.url.rpartition(":")[2]))
    finally:
        room.stop()


def test_tokens_of_any_characters_are_compared() -> None:
    assert same("ü", "ü")
    assert not same("ü", "u")

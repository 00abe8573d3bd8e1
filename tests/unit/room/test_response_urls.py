"""How often and how long a response URL may be used."""

from bot.room.server.response_urls import LIFETIME_SECONDS, MOST_USES, ReplyTarget, ResponseUrls, UrlRefusal
from bot.room.server.sources import RoomSources

TARGET = ReplyTarget(channel="C1", user="U1")


class ResponseUrlsClock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_response_url_works_five_times() -> None:
    urls = ResponseUrls(sources=RoomSources())
    secret = urls.issue(TARGET)
    assert [urls.use(secret) for _ in range(MOST_USES + 1)] == [TARGET] * 5 + [UrlRefusal.USED]


def test_a_response_url_works_half_an_hour() -> None:
    clock = ResponseUrlsClock()
    urls = ResponseUrls(sources=RoomSources(now=clock))
    secret = urls.issue(TARGET)
    clock.seconds = LIFETIME_SECONDS - 1
    assert urls.use(secret) == TARGET
    clock.seconds = LIFETIME_SECONDS
    assert urls.use(secret) == UrlRefusal.EXPIRED


def test_old_response_urls_are_forgotten_in_the_end() -> None:
    clock = ResponseUrlsClock()
    urls = ResponseUrls(sources=RoomSources(now=clock))
    secret = urls.issue(TARGET)
    clock.seconds = 2 * LIFETIME_SECONDS + 1
    urls.issue(TARGET)
    assert urls.use(secret) == UrlRefusal.UNKNOWN


def test_a_guess_is_refused() -> None:
    assert ResponseUrls(sources=RoomSources()).use("guess") == UrlRefusal.UNKNOWN

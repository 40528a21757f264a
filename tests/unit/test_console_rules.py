"""The console's rules: what a request must look like, roles, bars, and how topics are shared."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.console.guard import comes_from_here, cookie_name
from push_pipeline.console.live import TooManyViewers, Topics
from push_pipeline.console.progress import STEPS, bar, pace, share
from push_pipeline.console.reasons import meaning_of
from push_pipeline.console.roles import Role, apps_of, read_role, role_in
from push_pipeline.errors import InvalidParameter
from push_pipeline.ledger.views import PARTS
from push_workers.senders.apns import responses as apns
from push_workers.senders.fcm import responses as fcm
from push_workers.senders.webpush import responses as webpush

HERE = "https://push.example"


@pytest.mark.parametrize(
    ("method", "headers", "let_in"),
    [
        ("GET", {"sec-fetch-site": "cross-site"}, True),
        ("POST", {"sec-fetch-site": "same-origin"}, True),
        ("POST", {"sec-fetch-site": "same-site", "origin": HERE}, False),
        ("POST", {"sec-fetch-site": "cross-site", "origin": HERE}, False),
        ("POST", {"origin": HERE}, True),
        ("POST", {"origin": "https://push.example.evil"}, False),
        ("DELETE", {}, False),
    ],
)
def test_only_our_own_pages_change_anything(
    method: str, headers: dict[str, str], let_in: bool
) -> None:
    assert comes_from_here(method, headers, HERE) is let_in


def test_the_cookie_is_bound_to_the_host_where_tls_is_spoken() -> None:
    assert cookie_name("https").startswith("__Host-")
    assert not cookie_name("http").startswith("__Host-")


def test_a_role_in_an_app_wins_over_that_in_every_app() -> None:
    roles = {"*": "viewer", "a": "admin"}
    assert role_in(roles, "a") is Role.ADMIN
    assert role_in(roles, "b") is Role.VIEWER
    assert role_in({"a": "admin"}, "b") is None
    assert apps_of({"a": "admin"}, ["a", "b"]) == ["a"]
    with pytest.raises(InvalidParameter, match="publisher"):
        read_role("owner")


@given(st.lists(st.integers(0, 10**9), min_size=len(PARTS), max_size=len(PARTS)))
def test_a_bar_is_full_and_hides_nobody(devices: list[int]) -> None:
    counts = dict(zip(map(str, PARTS), devices, strict=True), audience=sum(devices))
    parts = bar(counts)
    assert {part.name for part in parts} == {name for name in map(str, PARTS) if counts[name]}
    assert sum(part.steps for part in parts) == (STEPS if parts else 0)
    assert all(part.steps > 0 for part in parts)


def test_a_share_says_neither_all_nor_nothing_where_it_is_not_so() -> None:
    assert share(1, 1_000_000) == "< 0.1 %"
    assert share(999_999, 1_000_000) == "> 99.9 %"
    assert share(0, 10) == "0 %"
    assert share(10, 10) == "100 %"


def test_the_time_to_the_end_follows_the_rate() -> None:
    assert pace(100, 300, 2.0, 500) == (100.0, 5.0)
    assert pace(300, 300, 2.0, 500).left_seconds is None


def test_a_reason_is_explained_with_what_follows_it() -> None:
    assert "removed" in meaning_of("Unregistered").says
    assert "broadcast channels" in meaning_of("FeatureNotEnabled").says
    unknown = meaning_of("SomethingNew")
    assert unknown.says
    known = apns.REASONS | fcm.REASONS | webpush.REASONS | {"Status410", "Superseded"}
    assert [reason for reason in sorted(known) if meaning_of(reason) is unknown] == []


def test_however_many_look_a_topic_is_read_once() -> None:
    reads = 0

    def read() -> str:
        nonlocal reads
        reads += 1
        return f"read {reads}"

    async def look() -> list[str]:
        topics = Topics()
        viewers = [topics.follow("a", read) for _ in range(20)]
        first = await asyncio.gather(*(anext(viewer) for viewer in viewers))
        for viewer in viewers:
            await viewer.aclose()
        before = reads
        await asyncio.sleep(0.7)
        assert reads == before, "nobody looks, nothing is read"
        return first

    assert set(asyncio.run(look())) == {"read 1"}


def test_a_topic_that_breaks_ends_its_streams_and_the_next_viewer_gets_a_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("push_pipeline.console.live.HEARTBEAT", 0.05)
    said = iter(["one", ZeroDivisionError(), "two"])

    def read() -> str:
        following = next(said)
        if isinstance(following, Exception):
            raise following
        return following

    async def look() -> list[str]:
        topics = Topics()
        first = [one async for one in topics.follow("a", read) if one]
        second = topics.follow("a", read)
        first.append(await anext(second))
        await second.aclose()
        return first

    assert asyncio.run(look()) == ["one", "two"]


def test_there_is_an_end_to_how_many_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("push_pipeline.console.live.VIEWERS_MAX", 1)

    async def look() -> None:
        topics = Topics()
        first, second = (topics.follow("a", lambda: "x") for _ in range(2))
        assert await anext(first) == "x"
        with pytest.raises(TooManyViewers):
            await anext(second)
        await first.aclose()

    asyncio.run(look())

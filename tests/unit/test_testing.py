"""What hosts test with: pushes are recorded, without a database or a broker."""

import asyncio
import re
import threading
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from push_pipeline import (
    RequestError,
    apublish,
    publish,
    push_to_user,
    start_activity,
    update_activity,
)
from push_pipeline.errors import DedupeKeyReused
from push_pipeline.options import DeliveryOptions
from push_pipeline.publishing.push_template import draft_template
from push_pipeline.publishing.write import write
from push_pipeline.template.stored import PushTemplate
from push_pipeline.testing import Outbox, outbox, record


def test_a_push_is_recorded_with_all_that_it_says(pushes: Outbox) -> None:
    tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    receipt = publish(
        "orders",
        "Order 7 is paid",
        {"headers": {"ios-badge": 1, "ios-sound": "bell"}},
        {"publish_at": tomorrow, "repeat_every": timedelta(days=2), "push_broadcast": "IOS"},
        users=["7", 8],
        dedupe_key="paid-7",
    )
    [push] = pushes
    assert (push.message_id, receipt.status) == (receipt.message_id, "scheduled")
    assert (push.channel, push.users, push.platforms) == ("orders", ("7", "8"), {"IOS"})
    assert (push.message, push.headers) == (
        "Order 7 is paid",
        {"ios-badge": 1, "ios-sound": "bell"},
    )
    assert (push.at, push.repeat_every) == (tomorrow, timedelta(days=2))


def test_an_event_of_an_activity_is_recorded(pushes: Outbox) -> None:
    start_activity("order-7", "OrderAttributes", {}, {"left": 3}, alert="On its way", users="7")
    update_activity("order-7", {"left": 2})

    start = pushes.assert_pushed(users="7", activity={"event": "start", "activityId": "order-7"})
    assert (start.message, start.headers) == (None, {})
    pushes.assert_pushed(activity={"state": {"left": 2}}, count=1)
    with pytest.raises(AssertionError, match="order-7"):
        pushes.assert_pushed(activity=None)


@pytest.mark.parametrize(
    "wanted",
    [
        {"channel": "orders"},
        {"users": [8, "7"]},
        {"message": "Order 7 is paid"},
        {"message": re.compile("7 is")},
        {"headers": {"ios-badge": 1}},
        {"at": None},
        {"at": (datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC))},
        {"dedupe_key": "paid-7", "count": 1},
    ],
)
def test_assertions_see_channel_audience_content_and_time(
    pushes: Outbox, wanted: dict[str, object]
) -> None:
    with pytest.raises(AssertionError, match="there are none"):
        pushes.assert_pushed(**wanted)
    pushes.assert_nothing_pushed()
    headers = {"headers": {"ios-badge": 1, "ios-sound": "bell"}}
    publish("orders", "Order 7 is paid", headers, users=["7", "8"], dedupe_key="paid-7")
    assert pushes.assert_pushed(**wanted) is pushes[0]
    pushes.clear()
    publish("offers", "Buy", users=["9"], delivery_options={"publish_at_local": time(9)})
    with pytest.raises(
        AssertionError, match=r"expected .*; there are 1:\n  1. channel='offers', us"
    ):
        pushes.assert_pushed(**wanted)
    with pytest.raises(AssertionError, match="expected no push"):
        pushes.assert_nothing_pushed()
    assert pushes.assert_pushed(at=time(9), channel="offers").users == ("9",)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"message": None}, 5041),
        ({"channel": "a/b"}, 5044),
        ({"message": "é" * 2100}, 8008),
        ({"users": []}, 8008),
        ({"delivery_options": {"publish_at": 1}}, 5030),
        ({"delivery_options": {"segment_query": "age >"}}, 1017),
        ({"dedupe_key": ""}, 8008),
    ],
)
def test_what_a_publish_would_refuse_is_refused(
    pushes: Outbox, wrong: dict[str, object], code: int
) -> None:
    with pytest.raises(RequestError) as raised:
        publish(**{"channel": "news", "message": "Hello", **wrong})
    assert raised.value.code == code
    pushes.assert_nothing_pushed()


def test_a_template_is_recorded_by_its_name_and_filled(pushes: Outbox) -> None:
    body = {"name": "welcome", "message": "Hello {name}", "channelName": "x"}
    template = PushTemplate.read(body)
    write(
        draft_template(template, {"name": "Anna"}, DeliveryOptions(), None), app=None, session=None
    )
    pushes.assert_pushed(template="welcome", message="Hello Anna", channel="x", count=1)


def test_the_same_dedupe_key_is_pushed_once(pushes: Outbox) -> None:
    first, second = (publish("news", "Hello", dedupe_key="once") for _ in range(2))
    other = publish("news", "Hello", dedupe_key="once", app="another")
    assert (first == second, first.replayed, second.replayed) == (True, False, True)
    assert first != other
    with pytest.raises(DedupeKeyReused):
        publish("news", "Something else", dedupe_key="once")
    assert len(pushes) == 2


def test_the_innermost_block_records() -> None:
    with record() as outer:
        publish("news", "one")
        with record() as inner:
            publish("news", "two")
            assert [push.message for push in outbox] == ["two"]
        publish("news", "three")
        assert outbox[-1].message == "three"
    assert [[push.message for push in one] for one in (outer, inner)] == [["one", "three"], ["two"]]
    with pytest.raises(LookupError, match="nothing is recorded"):
        len(outbox)


def test_threads_that_record_do_not_see_each_other(pushes: Outbox) -> None:
    both = threading.Barrier(2, timeout=30)

    def test_of_a_thread(name: str, found: dict[str, list[str]]) -> None:
        with record() as own:
            both.wait()
            publish("news", name)
            both.wait()
            found[name] = [push.message for push in own]

    found: dict[str, list[str]] = {}
    threads = [threading.Thread(target=test_of_a_thread, args=(name, found)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"a": ["a"], "b": ["b"]}
    pushes.assert_nothing_pushed()


def test_threads_and_coroutines_of_the_code_are_recorded(pushes: Outbox) -> None:
    thread = threading.Thread(target=push_to_user, args=(7, "of a thread"))
    thread.start()
    thread.join()
    asyncio.run(apublish("news", "of a coroutine"))
    assert [push.message for push in pushes] == ["of a thread", "of a coroutine"]


def test_what_is_rolled_back_leaves_the_outbox(pushes: Outbox) -> None:
    engine = create_engine("sqlite://")
    with Session(engine) as session:
        publish("news", "one", session=session)
        savepoint = session.begin_nested()
        publish("news", "two", session=session)
        assert len(pushes) == 2
        savepoint.rollback()
        session.commit()
        publish("news", "three", session=session)
    engine.dispose()
    assert [push.message for push in pushes] == ["one"]

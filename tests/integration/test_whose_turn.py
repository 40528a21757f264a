"""Apps are served by turns, whatever each of them has waiting: the order itself, in Redis."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from celery import Task, signals

from push_pipeline import queues, task_messages, turns
from push_pipeline.clock import now_ms
from push_pipeline.settings import Settings, get_settings

QUEUE = "apns"


@pytest.fixture(autouse=True)
def broker(configure: Callable[..., Settings], broker_url: str) -> Iterator[redis.Redis]:
    """The broker that the queues are in."""
    configure(broker_url=broker_url)
    with redis.Redis.from_url(broker_url) as client:
        yield client
    queues.forget()


def wake(app_id: str, *keys: int) -> None:
    assert queues.wake(
        [queues.wake_for_batch(key, app_id, "production", bulk=False) for key in keys]
    )


def order() -> list[int]:
    return list(queues.following(QUEUE))


def test_the_push_of_a_small_app_is_next_whatever_a_large_one_has_waiting() -> None:
    wake("large", *range(4_000))
    wake("small", 9_001)

    following = queues.following(QUEUE)
    first = [next(following) for _ in range(3)]

    assert 9_001 in first
    assert [next(following) for _ in range(3_998)] == [*range(2, 4_000)]
    assert list(following) == []


def test_apps_take_turns_and_each_is_served_in_its_own_order() -> None:
    wake("a", *range(100, 104))
    wake("b", *range(200, 203))
    wake("c", 300)
    taken = order()

    assert {key // 100 for key in taken[:3]} == {1, 2, 3}
    assert {key // 100 for key in taken[3:5]} == {key // 100 for key in taken[5:7]} == {1, 2}
    assert [key for key in taken if key < 200] == [100, 101, 102, 103]
    assert [key for key in taken if 200 <= key < 300] == [200, 201, 202]


def test_messages_that_are_made_before_are_those_that_celery_makes(
    broker: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "WAITING_MAX", 2)
    every_kind = [
        *(queues.wake_for_batch(key, "a", "production", bulk=False, of="m") for key in (1, 2, 3)),
        queues.wake_for_batch(4, "a%s", "", bulk=True),
        queues.wake_for_run(5, "b", of="50%"),
        queues.wake_at(6, "b", now_ms(), of="m"),
        *queues.wake_for_probe(7, now_ms(), now_ms(), "production", bulk=False),
    ]

    assert queues.wake(every_kind)
    assert queues.wake(every_kind)  # as one that was made before
    made = _taken(broker)
    with _somebody_listening() as told:
        assert queues.wake(every_kind)
        assert queues.wake(every_kind)

    assert made == _taken(broker)
    assert len(told) == 2 * len(every_kind)
    in_turn = [one["headers"].get(task_messages.IN_TURN) for one in made["apns"]]
    assert in_turn == 2 * [True, True, None, None]  # the third is one too many, a probe has none
    assert made["schedule"][0]["headers"][task_messages.OF_APP] == "b"


def test_a_message_names_the_task_that_it_was_sent_from(broker: redis.Redis) -> None:
    @queues._current().app.task(bind=True)
    def sending(task: Task) -> None:
        wake("a", 1)

    sending.apply(task_id="of the sender")
    (sent,) = broker.lrange(get_settings().key_prefix + QUEUE, 0, -1)
    headers = json.loads(sent)["headers"]

    assert headers["root_id"] == headers["parent_id"] == "of the sender" != headers["id"]


@contextmanager
def _somebody_listening() -> Iterator[list[str]]:
    """Listen to Celery's signals, as a tracer of the host does."""
    told: list[str] = []

    def listen(sender: str, **_: object) -> None:
        told.append(sender)

    signals.before_task_publish.connect(listen)
    try:
        yield told
    finally:
        signals.before_task_publish.disconnect(listen)


def _taken(broker: redis.Redis) -> dict[str, list[dict[str, Any]]]:
    """Take all messages and turns; return the messages by queue, in the order of sending."""
    prefix = get_settings().key_prefix
    taken = {queue: broker.lrange(prefix + queue, 0, -1)[::-1] for queue in queues.QUEUES}
    broker.flushdb()
    return {queue: [*map(_message, messages)] for queue, messages in taken.items() if messages}


def _message(sent: bytes) -> dict[str, Any]:
    """Read a message without what is its own: the ids of task and delivery, which must be there."""
    message: dict[str, Any] = json.loads(sent)
    headers, properties = message["headers"], message["properties"]
    ids = {headers.pop("id"), headers.pop("root_id"), properties.pop("correlation_id")}
    assert len(ids) == 1
    assert properties.pop("delivery_tag") not in ids
    for name in ("reply_to", "argsrepr"):  # nobody replies; it stands in the headers
        properties.pop(name, None)
    message["body"] = json.loads(base64.b64decode(message["body"]))
    return message


def test_who_comes_back_to_the_queue_waits_behind_the_others_once() -> None:
    wake("a", 1, 2)
    wake("b", 7)
    following = queues.following(QUEUE)
    assert next(following) == 1
    wake("a", 1)  # a fan-out that let the others go first

    assert order() == [7, 2, 1] or order() == [2, 7, 1]


def test_a_key_stands_in_the_order_once_and_queues_know_nothing_of_each_other() -> None:
    wake("a", 5, 6)
    wake("a", 5)

    assert queues.waiting_for_a_turn(QUEUE) == 2
    assert queues.waiting_for_a_turn("fcm") == 0
    assert order() == [5, 6]


def test_nothing_stays_in_redis_when_nobody_waits(broker: redis.Redis) -> None:
    wake("a", 5)
    order()

    assert broker.keys("*turns*") == []


def test_an_order_that_nobody_serves_goes_and_takes_no_more_than_its_bound(
    broker: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "WAITING_MAX", 2)

    enlisted = turns.enlist(broker, "p:", QUEUE, [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("a", 2)])

    assert enlisted == [True, True, False, True, True]
    assert all(0 < broker.pttl(key) <= turns.KEPT_MS for key in broker.keys("p:turns:*"))


def test_a_broadcast_is_told_who_waits_beside_it() -> None:
    def waits(app_id: str) -> bool:
        return queues.others_wait("production", app_id)

    broadcasts = [queues.wake_for_batch(n, "a", "production", bulk=True) for n in (1, 2)]
    queues.wake(broadcasts)
    assert (waits("a"), waits("b")) == (False, True)
    queues.wake([queues.wake_for_batch(3, "b", "production", bulk=True)])
    assert waits("a")
    assert sorted(queues.following(QUEUE + queues.BULK)) == [1, 2, 3]
    assert not waits("a")
    wake("a", 4)
    assert waits("a")
    assert not queues.others_wait("", "a"), "what waits for another provider"


def test_a_broker_that_is_away_has_no_order(configure: Callable[..., Settings]) -> None:
    configure(broker_url="redis://127.0.0.1:1/0")

    assert order() == []
    assert queues.waiting_for_a_turn(QUEUE) == 0

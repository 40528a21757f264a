"""Task messages that nobody can read are set aside and counted; the worker goes on."""

import base64
import json
import uuid

import redis
from sqlalchemy import text

from push_pipeline import db, queues
from tests.audience import ios
from tests.processes import wait_until
from tests.running import Stand

APNS = queues.DELIVER["apns"]


def envelope(task: str | None, arguments: object, **changes: object) -> bytes:
    """Write a task message as kombu does; `changes` are put over the envelope's fields."""
    headers = {"lang": "py", "id": str(uuid.uuid4())} | ({"task": task} if task else {})
    fields = {
        "body": base64.b64encode(json.dumps(arguments).encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": headers,
        "properties": {
            "delivery_tag": str(uuid.uuid4()),
            "delivery_info": {"exchange": "", "routing_key": "apns"},
            "delivery_mode": 2,
            "priority": 0,
            "body_encoding": "base64",
        },
    }
    return json.dumps(fields | changes).encode()


def call(*arguments: object, **keywords: object) -> list:
    """Write a task's arguments as Celery does."""
    return [list(arguments), keywords, {}]


UNREADABLE = {
    "bytes that are no text": b"\xff\xfe\x00\x01",
    "text that is no JSON": b"hello",
    "nothing": b"",
    "null": b"null",
    "a number": b"42",
    "a list": b"[1, 2, 3]",
    "an object that is no envelope": b'{"deliver": 7}',
    "an envelope without a body": json.dumps({"properties": {"delivery_tag": "x"}}).encode(),
    "an envelope without addresses": envelope(
        APNS, call(1), properties={"delivery_tag": "y", "body_encoding": "base64"}
    ),
    "an envelope with odd headers": envelope(APNS, call(1), headers=None),
    "a body that is no base64": envelope(APNS, call(1), body="%%%"),
    "a body that is no JSON": envelope(APNS, call(1), body=base64.b64encode(b"{").decode()),
    "a body that is no call": envelope(APNS, {"id": 7}),
    "a foreign content type": envelope(
        APNS, call(1), **{"content-type": "application/x-python-serialize"}
    ),
    "a message without a task": envelope(None, call(1)),
    "an unknown task": envelope("pipeline.deliver_pigeon", call(1)),
    "a text for a key": envelope(APNS, call("seven")),
    "two arguments": envelope(APNS, call(1, 2)),
    "no argument": envelope(APNS, call()),
    "a named argument": envelope(APNS, call(batch_id=1)),
}


def put(stand: Stand, *entries: bytes) -> None:
    with redis.Redis.from_url(stand.broker.url()) as client:
        for entry in entries:
            client.lpush("push:apns", entry)


def left_in_broker(stand: Stand) -> int:
    """Count entries that wait or that nobody acknowledged."""
    with redis.Redis.from_url(stand.broker.url()) as client:
        return client.llen("push:apns") + client.hlen("push:unacked")


def set_aside() -> list[tuple[str, str]]:
    """Return (queue, reason) of what was set aside."""
    with db.reading() as connection:
        rows = connection.execute(
            text("SELECT queue, reason FROM pipeline_dead_letter ORDER BY id")
        ).all()
    return [(row.queue, row.reason) for row in rows]


def test_the_worker_delivers_on_among_unreadable_messages(stand: Stand) -> None:
    stand.subscribe(ios(50))
    worker = stand.start_worker(children=2)
    put(stand, *UNREADABLE.values())

    message_id = stand.installation.publish()
    put(stand, *UNREADABLE.values())

    assert stand.finish(message_id)["accepted"] == 50
    wait_until(lambda: len(set_aside()) == 2 * len(UNREADABLE), 20, "every one set aside")
    wait_until(lambda: left_in_broker(stand) == 0, 10, "an empty queue")
    assert stand.simulator.received() == dict.fromkeys(ios(50), 1)
    assert worker.alive
    assert worker.output.count("kept as a dead letter") == 2 * len(UNREADABLE)

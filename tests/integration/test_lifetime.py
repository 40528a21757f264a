"""A message's lifetime: what the providers are told of it, and what is not sent when it is over."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from push_pipeline import db, pause, resume, status
from push_pipeline.clock import now_ms
from push_pipeline.models import RUN, Run
from push_pipeline.options.delivery import TTL_MAX_SECONDS
from push_pipeline.settings import Settings
from push_workers.delivery.deliver import deliver
from push_workers.fanout.fan_out import fan_out
from push_workers.tick import tick
from tests.audience import android, ios
from tests.installation import Installation

HOUR = 3_600


def told(installation: Installation) -> dict[str, int]:
    """Return what APNs (epoch seconds) and FCM (seconds) were told last."""
    lives = {}
    for entry in installation.simulator.log():
        if entry["provider"] == "apns":
            lives["apns"] = int(entry["headers"]["apns-expiration"])
        else:
            lives["fcm"] = int(json.loads(entry["body"])["message"]["android"]["ttl"].rstrip("s"))
    return lives


def make_due(message_id: str, n: int = 1) -> int:
    """Move a run and its end to now; return now in seconds."""
    now = now_ms()
    with db.writing() as connection:
        later = RUN.expires_at - RUN.due_at
        run = (RUN.message_id == message_id) & (RUN.n == n)
        connection.execute(update(Run).where(run).values(due_at=now, expires_at=now + later))
    return now // 1000


def send(installation: Installation, message_id: str, n: int = 1) -> None:
    with db.reading() as connection:
        statement = select(RUN.id).where(RUN.message_id == message_id, RUN.n == n)
        run_id = connection.execute(statement).scalar_one()
    fan_out(run_id)
    for batch_id in installation.due_batches(message_id):
        deliver(batch_id, installation.context)


@pytest.fixture
def devices(installation: Installation) -> Installation:
    installation.register(ios(1))
    installation.register(android(1), "ANDROID")
    return installation


def test_a_delayed_message_lives_from_its_own_time_on(devices: Installation) -> None:
    message_id = devices.publish(publish_at=now_ms() + 24 * HOUR * 1000, ttl=HOUR)
    due = make_due(message_id)

    send(devices, message_id)

    lives = told(devices)
    assert lives["apns"] == due + HOUR
    assert HOUR - 10 <= lives["fcm"] <= HOUR


def test_each_run_of_a_repeat_lives_as_long_as_the_first(devices: Installation) -> None:
    message_id = devices.publish(repeat_every=7 * 24 * HOUR, ttl=HOUR)
    send(devices, message_id)
    due = make_due(message_id, n=2)

    send(devices, message_id, n=2)

    assert told(devices)["apns"] == due + HOUR
    assert HOUR - 10 <= told(devices)["fcm"] <= HOUR


def test_without_a_lifetime_it_is_four_weeks(devices: Installation) -> None:
    now = now_ms() // 1000

    send(devices, devices.publish())

    assert TTL_MAX_SECONDS == 28 * 24 * HOUR
    assert 0 <= told(devices)["apns"] - (now + TTL_MAX_SECONDS) <= 10
    assert TTL_MAX_SECONDS - 10 <= told(devices)["fcm"] <= TTL_MAX_SECONDS


def test_a_lifetime_of_nothing_is_now_or_never(devices: Installation) -> None:
    send(devices, devices.publish(ttl=0))

    assert told(devices) == {"apns": 0, "fcm": 0}
    assert set(devices.simulator.received().values()) == {1}


def test_who_was_not_sent_to_when_it_ends_is_counted_as_expired(
    devices: Installation, configure: Callable[..., Settings]
) -> None:
    message_id = devices.publish(ttl=HOUR, repeat_every=7 * 24 * HOUR)
    with db.reading() as connection:
        (run_id,) = connection.scalars(select(RUN.id).where(RUN.message_id == message_id))
    fan_out(run_id)
    pause(message_id)
    with db.writing() as connection:
        over = update(Run).where(RUN.message_id == message_id, RUN.n == 1)
        connection.execute(over.values(expires_at=now_ms() - 1))

    resume(message_id)
    send(devices, message_id)
    tick()

    first, second = status(message_id)["runs"]
    assert (first["state"], first["audience"], first["expired"]) == ("finished", 2, 2)
    assert first["byReason"] == {"Expired": 2}
    assert (second["state"], second["audience"]) == ("scheduled", 0)
    assert devices.simulator.received() == {}

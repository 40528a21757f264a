"""The badge of each device: raised once for each message, set by a number, cleared by the app."""

import json

import pytest
from sqlalchemy import select, update

from push_pipeline import db, publish, push_with_template, register_device
from push_pipeline.clock import now_ms
from push_pipeline.devices.inventory import show_device
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.ledger.batches import LeaseLost
from push_pipeline.models import DEVICE, Batch
from push_workers.delivery import badges
from push_workers.delivery.deliver import deliver
from push_workers.delivery.take import take
from push_workers.fanout.fan_out import fan_out
from tests.installation import APP, Installation


def ios(number: int) -> str:
    return f"{number:064x}"


def android(number: int) -> str:
    return f"q{number:021d}:APA91b{'z' * 134}"


def say(installation: Installation, badge: object, message: str = "Hi") -> str:
    return publish("news", message, {"headers": {"ios-badge": badge}}).message_id


def shown(installation: Installation) -> dict[str, list]:
    """Return the badges that each token was sent, in order."""
    sent: dict[str, list] = {}
    for entry in installation.simulator.log():
        body = json.loads(entry["body"])
        aps = (body if "aps" in body else body["message"].get("apns", {}).get("payload", {})).get(
            "aps"
        )
        sent.setdefault(entry["token"], []).append(aps and aps.get("badge"))
    return sent


def kept() -> dict[str, int | None]:
    with db.reading() as connection:
        return dict(connection.execute(select(DEVICE.token, DEVICE.badge)).all())


def test_each_message_raises_the_badge_of_each_device_by_itself(
    installation: Installation,
) -> None:
    installation.register([ios(1)], badge=4)
    installation.register([ios(2)])
    installation.register([android(1)], "IOS", tokenType="fcm")
    installation.register([android(2)], "ANDROID")

    for badge in ("+1", "+2", None):
        installation.work(say(installation, badge))

    assert shown(installation) == {
        ios(1): [5, 7, None],
        ios(2): [1, 3, None],
        android(1): [1, 3, None],
        android(2): [None] * 3,
    }
    assert kept() == {ios(1): 7, ios(2): 3, android(1): 3, android(2): None}


def test_a_number_sets_the_badge_and_the_app_clears_it(installation: Installation) -> None:
    [device_id] = installation.register([ios(1)])
    installation.work(say(installation, 9))
    assert kept() == {ios(1): None}  # nobody has asked for a count yet: nothing is written
    installation.work(say(installation, "+1"))
    installation.work(say(installation, "7"))
    installation.work(say(installation, "+1"))
    assert kept() == {ios(1): 8}
    shown_device = show_device(device_id, app=APP)
    assert (shown_device["badge"], shown_device["tokenType"]) == (8, "apns")

    register_device(device_id, ios(1), "IOS", app=APP)
    assert kept() == {ios(1): 8}
    register_device(device_id, ios(1), "IOS", app=APP, badge=0)
    installation.work(say(installation, "+1"))

    assert shown(installation) == {ios(1): [9, 1, 7, 8, 1]}


def test_a_retry_says_the_count_and_does_not_raise_it_again(installation: Installation) -> None:
    installation.register([ios(1), ios(2)])
    refuse = {"match": {"nth": [1], "prefix": ios(1)}, "action": {"status": 500}}
    installation.simulator.rules([refuse])

    first = say(installation, "+1")
    fan_out(installation.run_id(first))
    for batch_id in installation.due_batches(first):
        deliver(batch_id, installation.context)
    assert installation.run(first)["inFlight"] == 1
    installation.work(say(installation, "+1"))  # another one in between
    installation.hurry()
    run = installation.work(first)

    assert run["accepted"] == 2
    assert kept() == {ios(1): 2, ios(2): 2}
    # The retry of the first says what both have made of it.
    assert shown(installation) == {ios(1): [1, 2, 2], ios(2): [1, 2]}


def test_who_takes_over_after_a_kill_does_not_count_again(installation: Installation) -> None:
    installation.register([ios(n) for n in range(3)])
    message_id = say(installation, "+1")
    fan_out(installation.run_id(message_id))
    [batch_id] = installation.due_batches(message_id)
    killed = take(batch_id, installation.context)
    assert killed is not None
    facts = installation.context.run_facts(killed.batch.run_id)
    badges.count_badges(killed, killed.slices[0], facts)  # and then it was killed

    with db.writing() as connection:
        connection.execute(update(Batch).values(lease_until=None))
    run = installation.work(message_id)

    assert run["accepted"] + run["unknown"] == 3
    assert set(kept().values()) == {1}
    killed.badged = 0
    with pytest.raises(LeaseLost):
        badges.count_badges(killed, killed.slices[0], facts)
    assert set(kept().values()) == {1}


def test_a_template_raises_the_badge_beside_its_user_s_words(installation: Installation) -> None:
    installation.register([ios(1)], badge=99, locale="de")
    body = {
        "name": "hello",
        "channelName": "news",
        "message": {"de": "Hallo {Users.name}!", "default": "Hi {Users.name}!"},
        "options": {"ios": {"badge": "+1"}},
    }
    with db.writing() as connection:
        put_template(connection, APP, PUSH, PUSH.read(body), now_ms())

    installation.work(push_with_template("hello").message_id)

    assert shown(installation) == {ios(1): [100]}
    document = json.loads(installation.simulator.log()[0]["body"])
    assert document["aps"]["alert"]["body"] == "Hallo !"

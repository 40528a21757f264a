"""iPhones whose app has the Firebase SDK: their pushes go by FCM, in its `apns` block."""

import json

import pytest
from sqlalchemy import select, update

from push_pipeline import db, publish, queues, register_device
from push_pipeline.clock import now_ms
from push_pipeline.devices.inventory import show_device
from push_pipeline.directory.users import put_users
from push_pipeline.models import BATCH, DEVICE, Credential
from push_workers.fanout.fan_out import fan_out
from tests.installation import APP, Installation


def ios(number: int) -> str:
    return f"{number:064x}"


def fcm(number: int) -> str:
    return f"q{number:021d}:APA91b{'z' * 134}"


def sent(installation: Installation) -> dict[str, dict]:
    """Return what each token got, as the provider read it."""
    return {one["token"]: json.loads(one["body"]) for one in installation.simulator.log()}


def add_iphones(installation: Installation, *numbers: int, **fields: object) -> list[str]:
    tokens = [fcm(number) for number in numbers]
    installation.simulator.devices(
        [{"token": token, "provider": "fcm", "platform": "ios"} for token in tokens]
    )
    return installation.register(tokens, "IOS", tokenType="fcm", **fields)


def test_each_iphone_goes_the_way_of_its_token_and_counts_as_ios(
    installation: Installation,
) -> None:
    installation.register([ios(1)])
    add_iphones(installation, 1, 2)
    installation.register([fcm(3)], "ANDROID")
    message_id = publish("news", "Hi é", {"headers": {"ios-alert-title": "T"}}).message_id

    run = installation.work(message_id)

    assert run["accepted"] == 4
    assert {name: counts["accepted"] for name, counts in run["byPlatform"].items()} == {
        "IOS": 3,
        "ANDROID": 1,
    }
    got = sent(installation)
    block = got[fcm(1)]["message"]["apns"]
    assert block["payload"] == got[ios(1)]
    assert block["headers"]["apns-push-type"] == "alert"
    assert got[fcm(3)]["message"]["data"]["message"] == "Hi é"
    assert installation.simulator.received() == dict.fromkeys(got, 1)
    [screen] = installation.simulator.device(fcm(2))["screens"].values()
    assert screen["alerts"] == 1


def test_a_batch_of_such_iphones_is_woken_on_the_lane_of_fcm(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[queues.Wake] = []
    installation.register([ios(1)])
    add_iphones(installation, 1)
    message_id = installation.publish()
    monkeypatch.setattr(queues, "wake", woken.extend)

    fan_out(installation.run_id(message_id))

    with db.reading() as connection:
        found = connection.execute(select(BATCH.id, BATCH.platform, BATCH.environment)).all()
    queue = {one.key: one.queue for one in woken}
    assert sorted((row.platform, row.environment, queue[row.id]) for row in found) == [
        ("IOS", "", "fcm"),
        ("IOS", "production", "apns"),
    ]


def test_fcm_s_evidence_retires_an_iphone_and_another_token_brings_it_back(
    installation: Installation,
) -> None:
    add_iphones(installation, 1)
    installation.simulator.devices(
        [{"token": fcm(1), "provider": "fcm", "platform": "ios", "state": "dead"}]
    )
    with db.writing() as connection:  # a credential that has worked before
        connection.execute(update(Credential).values(accepted_at=1))

    run = installation.work(installation.publish())

    assert run["byReason"] == {"UNREGISTERED": 1}
    assert installation.device_states()[fcm(1)] == ("retired", "UNREGISTERED")
    register_device(f"IOS-{fcm(1)[:64]}", ios(1), "IOS", app=APP)
    assert installation.device_states() == {ios(1): ("active", None)}
    register_device(f"IOS-{fcm(1)[:64]}", fcm(2), "IOS", app=APP, token_type="fcm")
    with db.reading() as connection:
        assert connection.execute(select(DEVICE.token, DEVICE.kind)).all() == [(fcm(2), "token")]
    assert show_device(f"IOS-{fcm(1)[:64]}", app=APP)["tokenType"] == "fcm"


def test_a_key_that_apple_refuses_holds_iphones_and_not_android(
    installation: Installation,
) -> None:
    installation.simulator.behave(ios_auth_broken=True)
    add_iphones(installation, 1, 2)
    installation.register([fcm(3)], "ANDROID")

    first = installation.work(installation.publish())
    second = installation.work(installation.publish())

    for run in (first, second):
        assert (run["accepted"], run["inFlight"]) == (1, 2)
    installation.simulator.behave(ios_auth_broken=False)


def test_an_iphone_gets_its_user_s_words_by_fcm_and_the_size_is_apple_s(
    installation: Installation,
) -> None:
    with db.writing() as connection:
        users = {"ann": {"name": 'A"é\n'}, "bob": {"name": "é" * 1_500}}
        put_users(connection, APP, users, now_ms())
    add_iphones(installation, 1, userId="ann")
    add_iphones(installation, 2, userId="bob")

    run = installation.work(
        publish("news", "Hi {Users.name}", {"templateValues": {"x": 1}}).message_id
    )

    assert (run["accepted"], run["byReason"]) == (1, {"PayloadTooLarge": 1})
    payload = sent(installation)[fcm(1)]["message"]["apns"]["payload"]
    assert payload["aps"]["alert"]["body"] == 'Hi A"é\n'

"""One failing provider does not slow the other, and one device does not wait for many."""

from push_pipeline import publish
from tests.audience import android, ios
from tests.running import Stand, at_least

#: Devices of each platform: more than batches of one worker.
MANY = 1_500

#: Devices of the broadcast that a single push overtakes.
LARGE = 20_000

#: Answers take this long (seconds, from and to), so that a broadcast takes its time.
SLOW = (0.2, 0.3)


def test_a_silent_fcm_does_not_keep_apns_from_finishing(stand: Stand) -> None:
    stand.simulator.rules([{"match": {"provider": "fcm"}, "action": {"never": True}}])
    stand.subscribe(ios(MANY), android(MANY))
    stand.start_beat()
    stand.start_worker("fcm,fcm.bulk", children=2)
    stand.start_worker("publish,schedule,apns,apns.bulk", children=2)

    message_id = stand.installation.publish()
    run = stand.follow(message_id, at_least(MANY), timeout=20)

    assert run["byPlatform"]["IOS"]["accepted"] == MANY
    assert run["byPlatform"]["ANDROID"]["inFlight"] == MANY


def test_a_push_to_one_device_overtakes_a_broadcast_in_the_same_worker(stand: Stand) -> None:
    stand.simulator.behave(delay_seconds=SLOW)
    stand.subscribe(ios(LARGE))
    stand.subscribe(ios(1, "2"), channel="me")
    stand.start_beat()
    stand.start_worker(children=2)
    broadcast = stand.installation.publish()
    stand.follow(broadcast, lambda run: run["audience"] == LARGE and run["accepted"] > 0)

    alone = publish("me", "Your table is ready").message_id
    assert stand.finish(alone)["accepted"] == 1

    assert stand.installation.run(broadcast)["inFlight"] > LARGE // 2

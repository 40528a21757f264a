"""A batch is sent to a simulated provider and every member's outcome is recorded."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, func, select, update

from push_pipeline import db, publish, status
from push_pipeline.cli import checks
from push_pipeline.cli.live import is_over
from push_pipeline.cli.root import DONE, FAILED, run
from push_pipeline.clock import now_ms
from push_pipeline.devices.targets import find_targets
from push_pipeline.directory.provider_routes import add_recent, list_routes
from push_pipeline.errors import InvalidParameter
from push_pipeline.ledger import batches, runs
from push_pipeline.ledger.batches import LeaseLost
from push_pipeline.ledger.deliveries import export, insert_deliveries
from push_pipeline.ledger.retention import prune
from push_pipeline.ledger.values import Settlement
from push_pipeline.models import BATCH, CREDENTIAL, DELIVERY, DEVICE, Batch, Credential, Device, Run
from push_pipeline.outcome import Recent
from push_pipeline.settings import Settings
from push_workers.delivery import record
from push_workers.delivery.deliver import deliver
from push_workers.delivery.process import Context
from push_workers.delivery.record import record_slice
from push_workers.delivery.send import send_slice
from push_workers.delivery.take import take
from push_workers.fanout.fan_out import fan_out
from tests.installation import APP, Installation
from tests.processes import wait_until

pytestmark = pytest.mark.usefixtures("nobody_answers")


def ios(count: int, prefix: str = "1") -> list[str]:
    return [prefix + f"{index:0{64 - len(prefix)}x}" for index in range(count)]


def android(count: int, prefix: str = "q") -> list[str]:
    return [f"{prefix}{index:021d}:APA91b{'z' * 134}" for index in range(count)]


def test_every_device_of_both_platforms_is_reached_once(installation: Installation) -> None:
    installation.register(ios(30))
    installation.register(android(20), "ANDROID")

    run = installation.work(installation.publish())

    assert run["state"] == "finished"
    assert run["accepted"] == run["audience"] == 50
    assert run["byPlatform"]["IOS"]["accepted"] == 30
    received = installation.simulator.received()
    assert set(received) == {*ios(30), *android(20)}
    assert set(received.values()) == {1}


def test_dead_tokens_are_retired_and_counted_by_reason(installation: Installation) -> None:
    installation.register([*ios(10), *ios(2, "dead"), *ios(1, "bad0")])

    run = installation.work(installation.publish())

    assert (run["accepted"], run["rejected"]) == (10, 3)
    assert run["byReason"] == {"Unregistered": 2, "BadDeviceToken": 1}
    states = installation.device_states()
    assert {states[token] for token in ios(2, "dead")} == {("retired", "Unregistered")}
    assert states[ios(1, "bad0")[0]] == ("quarantined", "BadDeviceToken")
    assert installation.work(installation.publish("again"))["audience"] == 10


def test_what_a_provider_could_not_take_is_sent_again_until_it_does(
    installation: Installation,
) -> None:
    rule = {"match": {"nth": [1, 2]}, "action": {"status": 503, "reason": "ServiceUnavailable"}}
    installation.simulator.rules([rule])
    installation.register(ios(5))
    message_id = installation.publish()

    run = installation.work(message_id)
    while run["inFlight"]:
        installation.hurry()
        run = installation.work(message_id)

    assert run["accepted"] == 5
    assert run["resent"] == 0


@pytest.mark.parametrize(
    ("policy", "resends"),
    [("at-least-once", True), ("once-if-collapsible", True), ("at-most-once", False)],
)
def test_the_policy_decides_after_a_cut_connection(
    installation: Installation, configure: Callable[..., Settings], policy: str, resends: bool
) -> None:
    configure(unknown_policy=policy)
    installation.context = Context()
    cut_once = {"match": {"prefix": "c1", "nth": [1]}, "action": {"cut": "processed"}}
    installation.simulator.rules([cut_once])
    installation.register([*ios(4), *ios(1, "c1")])

    run = settle_down(installation, installation.publish())

    received = installation.simulator.received()
    assert set(received) == {*ios(4), *ios(1, "c1")}
    assert run["accepted"] + run["unknown"] == 5
    assert (run["unknown"] == 0) is resends
    assert run["resent"] >= sum(received.values()) - len(received)
    assert (received[ios(1, "c1")[0]] == 2) is resends


@pytest.mark.parametrize(
    ("of_app", "of_message", "resends"),
    [
        ("at-least-once", None, True),
        ("at-most-once", "at-least-once", True),
        ("default", None, False),
    ],
)
def test_a_messages_policy_goes_before_its_apps_and_that_before_the_setting(
    installation: Installation, configure: Callable[..., Settings], of_app: str,
    of_message: str | None, resends: bool,
) -> None:  # fmt: skip
    configure(unknown_policy="at-most-once")
    installation.context = Context()
    assert run(["app", "set", APP, "--unknown-policy", "at-least-once"]) == DONE
    assert run(["app", "set", APP, "--unknown-policy", of_app]) == DONE
    installation.simulator.rules([{"match": {"nth": [1]}, "action": {"cut": "processed"}}])
    installation.register(ios(1))

    message_id = publish("news", "x", None, {"unknownPolicy": of_message}).message_id
    found = settle_down(installation, message_id)

    assert (found["accepted"], found["unknown"]) == ((1, 0) if resends else (0, 1))


def test_a_policy_that_does_not_exist_is_refused(installation: Installation) -> None:
    assert run(["app", "set", APP, "--unknown-policy", "twice"]) == FAILED
    with pytest.raises(InvalidParameter, match="use once-if-collapsible, at-most-once"):
        publish("news", "x", None, {"unknownPolicy": "twice"})


def test_an_android_device_in_doubt_is_left_alone_unless_a_copy_would_collapse(
    installation: Installation,
) -> None:
    installation.simulator.rules([{"match": {"nth": [1]}, "action": {"cut": "processed"}}])
    installation.register(android(1), "ANDROID")

    run = settle_down(installation, installation.publish())

    assert (run["accepted"], run["unknown"]) == (0, 1)


def test_a_worker_that_died_in_mid_slice_leaves_only_that_slice_in_doubt(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    configure(doubt_window=10, unknown_policy="at-most-once")
    installation.context = Context()
    installation.register(ios(35))
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    (batch_id,) = installation.due_batches(message_id)
    claim = take(batch_id, installation.context)
    assert claim is not None
    run = installation.context.run_facts(claim.batch.run_id)
    first, second = claim.slices[:2]
    record_slice(claim, first, send_slice(claim, first, run, installation.context),
                     installation.context)  # fmt: skip
    send_slice(claim, second, run, installation.context)  # sent, and the worker is gone

    installation.hurry()
    run_view = installation.work(message_id)

    assert (run_view["accepted"], run_view["unknown"]) == (25, 10)
    assert run_view["byReason"] == {"WorkerLost": 10}
    assert set(installation.simulator.received().values()) == {1}


def test_a_worker_that_was_overtaken_records_nothing(installation: Installation) -> None:
    installation.register(ios(3))
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    (batch_id,) = installation.due_batches(message_id)
    slow = take(batch_id, installation.context)
    assert slow is not None
    installation.hurry()
    run = installation.work(message_id)
    assert run["accepted"] == 3

    report = send_slice(
        slow, slow.slices[0], installation.context.run_facts(slow.batch.run_id),
        installation.context,
    )  # fmt: skip
    with pytest.raises(LeaseLost):
        record_slice(slow, slow.slices[0], report, installation.context)

    assert installation.run(message_id) == run


def test_the_last_slice_of_a_run_of_one_batch_ends_the_run_with_it(
    installation: Installation,
) -> None:
    installation.register(ios(3))
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    (batch_id,) = installation.due_batches(message_id)
    claim = take(batch_id, installation.context)
    assert claim is not None
    run = installation.context.run_facts(claim.batch.run_id)
    report = send_slice(claim, claim.slices[0], run, installation.context)

    record_slice(claim, claim.slices[0], report, installation.context)

    assert claim.closed
    assert status(message_id)["status"] == "published"


def test_a_message_is_read_once_by_a_process(installation: Installation) -> None:
    installation.register(ios(2))
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    (batch_id,) = installation.due_batches(message_id)

    with db.reading() as connection:
        first = batches.find_batch(connection, batch_id)
        assert first is not None
        assert first.message is not None
        again = batches.find_batch(connection, batch_id, [0, first.standing.run_id])

    assert first.message.message_id == message_id
    assert again == (first.standing, None)


def test_each_device_is_read_with_its_own_token(installation: Installation) -> None:
    for number, token in enumerate(android(6)):
        installation.register([token if number % 2 else f"c{number:021d}"], "ANDROID")
    kept = select(DEVICE.id, DEVICE.kind, DEVICE.token)
    with db.writing() as connection:
        first = select(func.min(DEVICE.id)).scalar_subquery()
        # PostgreSQL moves a changed row, so that it finds the first key last.
        connection.execute(update(Device).where(DEVICE.id == first).values(locale="de"))
        theirs = {tuple(row) for row in connection.execute(kept)}

        found = find_targets(connection, [key for key, *_ in theirs] + [5_000], now_ms())

    assert {one.kind for one in found} == {"token", "fid"}
    read = {
        (key, one.kind, token)
        for one in found
        for key, token in zip(one.keys, one.tokens, strict=True)
    }
    assert read == theirs


def test_a_providers_ids_are_kept_as_they_are(installation: Installation) -> None:
    plain, odd = ["id-1", "id-2"], ["a\tb\\c\nd", None]
    settled = [
        Settlement(run_id, "accepted", None, 1, now_ms(), list(enumerate(ids)))
        for run_id, ids in ((1, plain), (2, odd), (3, odd[:1]))
    ]

    with db.writing() as connection:
        insert_deliveries(connection, settled[:2])
        insert_deliveries(connection, settled[2:])  # one row is written in another way

    with db.reading() as connection:
        kept = connection.scalars(
            select(DELIVERY.provider_id).order_by(DELIVERY.run_id, DELIVERY.device_key)
        )
        assert list(kept) == [*plain, *odd, odd[0]]


def test_a_second_copy_of_a_wake_up_does_nothing(installation: Installation) -> None:
    installation.register(ios(3))
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    (batch_id,) = installation.due_batches(message_id)
    take(batch_id, installation.context)

    deliver(batch_id, installation.context)
    deliver(999_999, installation.context)

    assert installation.run(message_id)["inFlight"] == 3
    assert not installation.simulator.received()


def test_a_wrong_topic_stops_the_run_there_touches_no_device_and_leaves_android_alone(
    installation: Installation,
) -> None:
    tokens = ios(40)
    installation.simulator.rules(
        [{"match": {"prefix": "1"}, "action": {"reason": "DeviceTokenNotForTopic"}}]
    )
    installation.register(tokens)
    installation.register(android(30), "ANDROID")
    message_id = installation.publish()

    found = installation.work(message_id)

    assert (found["state"], found["accepted"], found["inFlight"]) == ("sending", 30, 40)
    assert found["stopped"] == 40
    assert is_over(status(message_id))  # nothing changes unless somebody acts
    says = status(message_id)["errorMessage"]
    assert says.startswith("apns production stopped: 40 of 40 tokens")
    assert "push-pipeline resume" in says
    [doctors] = [one.says for one in checks.examine() if one.name == "stopped"]
    assert doctors == f"{message_id}: {says}"
    assert set(installation.device_states().values()) == {("active", None)}
    assert len(installation.simulator.log()) == 70

    installation.simulator.rules([])
    assert run(["resume", message_id]) == DONE
    found = installation.work(message_id)
    assert (found["state"], found["accepted"]) == ("finished", 70)
    assert status(message_id)["errorMessage"] is None


def test_a_refused_credential_is_held_and_one_probe_opens_it_again(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    configure(retry_factor=1)  # held for a minute: no probe comes that the test did not ask for
    installation.context = Context()
    refuse = {"match": {"provider": "apns"}, "action": {"reason": "InvalidProviderToken"}}
    installation.simulator.rules([refuse])
    installation.register(ios(30))
    message_id = installation.publish()
    run = installation.work(message_id)
    assert (run["inFlight"], run["rejected"]) == (30, 0)
    assert held_reason() == "InvalidProviderToken"

    open_routes()
    installation.hurry()
    installation.work(message_id)
    assert len(installation.simulator.log()) == 31  # one probe, not thirty

    installation.simulator.rules([])
    open_routes()
    installation.hurry()
    run = installation.work(message_id)
    assert run["accepted"] == 30
    assert held_reason() is None


def test_a_route_that_rests_parks_its_batches_without_costing_an_attempt(
    installation: Installation,
) -> None:
    installation.register(ios(3))
    later = now_ms() + 3_600_000
    with db.writing() as connection:
        connection.execute(update(Credential).values(paused_until=later))

    message_id = installation.publish()
    run = installation.work(message_id)

    assert run["inFlight"] == 3
    with db.reading() as connection:
        row = connection.execute(select(BATCH.not_before, BATCH.attempt, BATCH.claims)).one()
    assert tuple(row) == (later, 1, 0)


def test_a_new_credential_lets_what_waits_for_the_route_go_at_once(
    installation: Installation,
) -> None:
    installation.register(ios(3))
    later = now_ms() + 60_000
    with db.writing() as connection:
        connection.execute(
            update(Credential)
            .where(CREDENTIAL.provider == "apns")
            .values(paused_until=later, held_reason="InvalidProviderToken")
        )
    parked = installation.publish()
    installation.work(parked)
    retried = installation.publish("waits for something else")
    fan_out(installation.run_id(retried))
    with db.writing() as connection:
        of_it = BATCH.run_id == installation.run_id(retried)
        connection.execute(update(Batch).where(of_it).values(not_before=later + 1))

    installation.put_credentials()

    assert installation.work(parked)["accepted"] == 3
    assert not installation.due_batches(retried)


def test_nothing_is_sent_after_its_expiry(installation: Installation) -> None:
    installation.register(ios(3))
    message_id = installation.publish(ttl=1)
    with db.writing() as connection:
        connection.execute(update(Run).values(expires_at=now_ms()))

    run = installation.work(message_id)

    assert (run["expired"], run["byReason"]) == (3, {"Expired": 3})
    assert not installation.simulator.received()
    assert status(message_id)["status"] == "failed"


def test_a_platform_without_credential_is_rejected_by_name(installation: Installation) -> None:
    with db.writing() as connection:
        connection.execute(delete(Credential).where(CREDENTIAL.provider == "fcm"))
    installation.register(ios(2))
    installation.register(android(3), "ANDROID")

    run = installation.work(installation.publish())

    assert (run["accepted"], run["rejected"]) == (2, 3)
    assert run["byReason"] == {"NoCredential": 3}


def test_a_paused_run_sends_nothing_between_two_slices(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    configure(doubt_window=10)
    installation.context = Context()
    installation.register(ios(30))
    message_id = installation.publish()
    run_id = installation.run_id(message_id)
    fan_out(run_id)
    (batch_id,) = installation.due_batches(message_id)
    claim = take(batch_id, installation.context)
    assert claim is not None
    with db.writing() as connection:
        runs.stop_route(connection, run_id, "production", "refused")

    facts = installation.context.run_facts(run_id)
    report = send_slice(claim, claim.slices[0], facts, installation.context)
    goes_on = record_slice(claim, claim.slices[0], report, installation.context)

    assert not goes_on
    assert installation.run(message_id)["inFlight"] == 20


def test_a_device_that_left_after_the_fan_out_is_not_sent_to(installation: Installation) -> None:
    installation.register(ios(3))
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    installation.register([ios(1)[0][:-1] + "f"])  # a fourth one, after the page was read
    with db.writing() as connection:
        connection.execute(delete(Device).where(DEVICE.token == ios(3)[2]))

    run = installation.work(message_id)

    assert (run["audience"], run["accepted"], run["rejected"]) == (3, 2, 1)
    assert run["byReason"] == {"NotRegistered": 1}


def test_the_export_tells_every_devices_outcome_and_no_token(installation: Installation) -> None:
    installation.register([*ios(2), *ios(1, "dead")])
    message_id = installation.publish()
    installation.work(message_id)

    with db.reading() as connection:
        rows = list(export(connection, message_id))
        rejected = list(export(connection, message_id, "rejected"))

    assert [row["outcome"] for row in rows] == ["accepted", "accepted", "rejected"]
    assert [row["reason"] for row in rejected] == ["Unregistered"]
    assert all(row["providerId"] for row in rows[:2])
    ids = {entry["headers"]["apns-id"] for entry in installation.simulator.log()}
    assert {row["providerId"] for row in rows[:2]} <= ids


def settle_down(installation: Installation, message_id: str) -> dict:
    """Let every wait be over until nothing is in flight."""

    def settled() -> dict | None:
        open_routes()
        installation.hurry()
        run = installation.work(message_id)
        return None if run["inFlight"] else run

    return wait_until(settled, 20, "the end of the run")


def open_routes() -> None:
    with db.writing() as connection:
        connection.execute(update(Credential).values(paused_until=None))


def held_reason() -> object:
    with db.reading() as connection:
        return next(
            route["held_reason"]
            for route in list_routes(connection, APP)
            if route["provider"] == "apns"
        )


def test_no_run_gets_the_key_of_one_that_was_deleted_which_a_worker_still_knows(
    installation: Installation,
) -> None:
    installation.register(ios(2))
    installation.work(installation.publish("Yesterday's"))
    with db.writing() as connection:
        while any(prune(connection, now_ms() + 1)):
            pass
        assert connection.execute(select(func.count()).select_from(Run)).scalar_one() == 0

    installation.work(installation.publish("Today's"))

    told = [entry["body"] for entry in installation.simulator.log()]
    assert ["Today" in one for one in told] == [False, False, True, True]


@pytest.mark.parametrize(("dead", "told"), [(0, 1), (2, 1), (20, 2)])
def test_what_a_provider_answers_is_told_to_all_workers_once_a_second_or_at_once_if_bad(
    installation: Installation,
    configure: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    dead: int,
    told: int,
) -> None:
    configure(doubt_window=20)
    installation.context = Context()
    installation.register([*ios(60 - dead), *ios(dead, "dead")])
    with db.writing() as connection:  # as if it had been told of late, and never again by the clock
        connection.execute(update(Credential).values(counted_at=1, accepted_at=1))
    monkeypatch.setattr(record, "NEWS_MS", now_ms() - 1_000)
    shared: list[Recent] = []

    def add(*told: object) -> None:
        shared.append(told[2])
        add_recent(*told)

    monkeypatch.setattr(record, "add_recent", add)

    run = installation.work(installation.publish())

    assert (run["accepted"], run["rejected"]) == (60 - dead, dead)
    assert len(shared) == told
    assert sum(one.accepted for one in shared) > 0

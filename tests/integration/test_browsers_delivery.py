"""Browsers are sent to end to end: what each answer of a push service does to device and route."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from push_pipeline import cancel, db, publish, push_to_user, resume, status
from push_pipeline.directory.provider_routes import list_routes
from push_pipeline.models import DEVICE, Credential, Device
from push_pipeline.platform import Platform
from push_pipeline.settings import Settings
from push_workers.delivery.process import Context
from push_workers.delivery.send import send_slice
from push_workers.delivery.take import take
from push_workers.fanout.fan_out import fan_out
from tests.installation import APP, Installation
from tests.integration.test_delivery import ios
from tests.processes import wait_until


def states(installation: Installation) -> dict[str, tuple[str, str | None]]:
    """Return (state, reason) by device id."""
    with db.reading() as connection:
        rows = connection.execute(select(DEVICE.device_id, DEVICE.state, DEVICE.state_reason))
        return {name: (state, reason) for name, state, reason in rows}


def browsers(count: int, prefix: str = "page") -> list[str]:
    return [f"{prefix}-{n}" for n in range(count)]


def prove() -> None:
    """Let something have been accepted through every route."""
    with db.writing() as connection:
        connection.execute(update(Credential).values(accepted_at=1))


def test_a_message_for_all_reaches_phones_and_browsers_alike(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("push_pipeline", "push_workers"):
        caplog.set_level(logging.DEBUG, name)
    installation.register(ios(3))
    names = browsers(20)
    for vendor in ("google", "mozilla", "apple", "microsoft"):
        installation.register_browsers(names[:5], vendor)
        names = names[5:]

    headers = {"web-title": "Kitchen", "web-link": "https://a.example/", "web-topic": "dinner"}
    message_id = publish("news", "Dinner is ready", {"headers": headers}, {"ttl": 60}).message_id
    run = installation.work(message_id)

    assert (run["audience"], run["accepted"], run["state"]) == (23, 23, "finished")
    assert run["byPlatform"]["WEB"]["accepted"] == 20
    received = installation.simulator.received()
    assert {name: received[name] for name in browsers(20)} == dict.fromkeys(browsers(20), 1)
    entries = [one for one in installation.simulator.log() if one["provider"] == "webpush"]
    assert len(entries) == 20
    assert len({one["id"] for one in entries}) == 1  # each opened its own, and all read the same
    told = entries[0]["headers"]
    assert (told["topic"], told["urgency"]) == ("dinner", "high")
    assert 50 < int(told["ttl"]) <= 60
    assert installation.simulator.webpush_url not in caplog.text  # an endpoint is a secret


@pytest.mark.parametrize("vendor", ["google", "mozilla", "apple", "microsoft"])
def test_each_answer_does_what_it_means(installation: Installation, vendor: str) -> None:
    prove()
    installation.register_browsers([*browsers(8), "dead-1", "f00d-1"], vendor)
    too_large = {"match": {"prefix": "page-7"}, "action": {"status": 413}}
    busy = {"match": {"prefix": "page-6", "nth": [1]}, "action": {"status": 429}}
    installation.simulator.rules([too_large, busy])

    message_id = installation.publish()
    run = installation.work(message_id)
    while run["inFlight"]:
        installation.hurry()
        run = installation.work(message_id)

    assert (run["accepted"], run["rejected"]) == (7, 3)
    assert run["byReason"]["PayloadTooLarge"] == 1
    assert run["byReason"]["VapidKeyMismatch"] == 1
    after = states(installation)
    assert after["dead-1"][0] == "retired"
    assert after["f00d-1"] == ("quarantined", "VapidKeyMismatch")
    assert {after[name][0] for name in browsers(8)} == {"active"}
    (route,) = [one for one in list_routes_of_browsers() if one["accepted_at"] != 1]
    assert (route["environment"], route["held_reason"]) == ("other", None)


def list_routes_of_browsers() -> list[dict]:
    with db.reading() as connection:
        return [one for one in list_routes(connection, APP) if one["provider"] == "webpush"]


@pytest.mark.parametrize("refusal", ["KeyMismatch", "BadSignature"])
def test_a_key_that_nothing_was_taken_with_retires_nobody(
    installation: Installation, refusal: str
) -> None:
    installation.simulator.rules(
        [{"match": {"provider": "webpush"}, "action": {"reason": refusal}}]
    )
    installation.register_browsers(browsers(60))
    installation.register(ios(2))
    message_id = installation.publish()
    run = installation.work(message_id)

    assert (run["accepted"], run["rejected"], run["inFlight"]) == (2, 0, 60)
    assert {state for state, _ in states(installation).values()} == {"active"}

    installation.simulator.rules([])
    with db.writing() as connection:
        connection.execute(update(Credential).values(paused_until=None, held_reason=None))
    if run["stopped"]:
        resume(message_id)
    installation.hurry()
    assert installation.work(message_id)["accepted"] == 62


def test_one_page_that_subscribed_with_another_key_concerns_itself_alone(
    installation: Installation,
) -> None:
    installation.register_browsers(["f00d-1"])
    alone = installation.work(publish("news", "Hi").message_id)
    assert (alone["rejected"], alone["byReason"]) == (1, {"VapidKeyMismatch": 1})
    assert states(installation)["f00d-1"][0] == "active"  # nothing was taken yet: no proof

    installation.register_browsers(browsers(3))
    both = installation.publish()
    installation.hurry()
    run = installation.work(both)
    assert run["accepted"] == 3
    with db.reading() as connection:
        held = {one["held_reason"] for one in list_routes(connection, APP)}
    assert held == {None}


def test_a_users_browser_and_phone_are_one_audience(installation: Installation) -> None:
    installation.register(ios(1), userId="7")
    installation.register_browsers(browsers(1))
    with db.writing() as connection:
        connection.execute(
            update(Device).where(DEVICE.platform == Platform.WEB.value).values(user_id="7")
        )
    message_id = push_to_user("7", {"de": "Hallo", "default": "Hi"}).message_id
    run = installation.work(message_id)
    assert {name: part["accepted"] for name, part in run["byPlatform"].items()} == {
        "IOS": 1,
        "WEB": 1,
    }
    assert status(message_id)["status"] == "published"


def test_a_worker_that_is_lost_leaves_its_slice_in_doubt_and_a_copy_replaces_the_first(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    configure(doubt_window=10)
    installation.context = Context()
    installation.register_browsers(browsers(25))
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    (batch_id,) = installation.due_batches(message_id)
    claim = take(batch_id, installation.context)
    assert claim is not None
    facts = installation.context.run_facts(claim.batch.run_id)
    send_slice(claim, claim.slices[0], facts, installation.context)  # and the worker is gone

    installation.hurry()
    run = installation.work(message_id)
    assert (run["accepted"], run["unknown"], run["resent"]) == (25, 0, 10)  # by their tag
    assert sorted(installation.simulator.received().values()) == [1] * 15 + [2] * 10


def all_sent(installation: Installation, message_id: str) -> dict[str, Any] | None:
    installation.hurry()
    run = installation.work(message_id)
    return dict(run) if run["inFlight"] == 0 else None


def test_a_push_service_that_is_down_makes_nobody_miss_it(installation: Installation) -> None:
    outage = {"match": {"provider": "webpush"}, "action": {"status": 503, "retry_after": 5}}
    installation.simulator.rules([outage])
    installation.register_browsers(browsers(30))
    installation.register(ios(2))
    message_id = installation.publish()
    run = installation.work(message_id)
    assert (run["accepted"], run["inFlight"]) == (2, 30)
    (route,) = [one for one in list_routes_of_browsers() if one["paused_until"]]
    assert route["environment"] == "other"

    installation.simulator.rules([])
    with db.writing() as connection:
        connection.execute(update(Credential).values(paused_until=None))
    run = wait_until(lambda: all_sent(installation, message_id), 10)  # by a smaller budget now
    assert (run["accepted"], run["resent"]) == (32, 0)


def test_a_cancelled_message_reaches_no_browser_any_more(installation: Installation) -> None:
    installation.register_browsers(browsers(5))
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    cancel(message_id)
    run = installation.work(message_id)
    assert (run["cancelled"], run["accepted"]) == (5, 0)
    assert not installation.simulator.received()

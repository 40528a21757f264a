"""Channel ∩ OS ∩ named devices becomes batch rows, each member once, whatever is restarted."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from push_pipeline import db, publish, queues, status, unregister_device
from push_pipeline.audience import Page, Selection
from push_pipeline.clock import now_ms
from push_pipeline.devices.register import register_devices
from push_pipeline.devices.registration import check_registration
from push_pipeline.directory.apps import ensure_app
from push_pipeline.errors import DatabaseUnavailable
from push_pipeline.ledger.batches import unpack
from push_pipeline.models import BATCH, DEVICE, RUN, Device, Run
from push_pipeline.settings import Settings
from push_workers.fanout import fan_out as fanout
from push_workers.fanout.fan_out import fan_out
from tests.counted import counted

APP = "APP-1"


@pytest.fixture(autouse=True)
def app(
    settings: Settings, configure: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(app_id=APP, batch_size=100)
    monkeypatch.setattr(fanout, "LONGEST_TURN_SECONDS", 60.0)  # nobody else is kept waiting
    monkeypatch.setattr(fanout, "TURN_SECONDS", 60.0)
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now_ms())


def register(count: int, os: str, *channels: str, start: int = 0) -> None:
    now = now_ms()
    token = "{:064x}" if os != "ANDROID" else "t{:021d}:APA91bxyz"
    fields = [
        {"deviceId": f"{os}-{n}", "deviceToken": token.format(n + (os == "OSX") * 10**9), "os": os,
         "channels": list(channels)}
        for n in range(start, start + count)
    ]  # fmt: skip
    with db.writing() as connection:
        register_devices(
            connection, APP, [check_registration(one, now) for one in fields], now, alive=True
        )


def run_of(message_id: str) -> int:
    with db.reading() as connection:
        return connection.execute(select(RUN.id).where(RUN.message_id == message_id)).scalar_one()


def members_of(run_id: int) -> Counter[str]:
    """Return how often each device id stands in a batch of the run."""
    with db.reading() as connection:
        packed = connection.scalars(select(BATCH.members).where(BATCH.run_id == run_id))
        keys = Counter(key for members in packed for key in unpack(members))
        names = dict(connection.execute(select(DEVICE.id, DEVICE.device_id)).all())
    return Counter({names[key]: times for key, times in keys.items()})


def audience(message_id: str) -> Counter[str]:
    run_id = run_of(message_id)
    fan_out(run_id)
    return members_of(run_id)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"IOS": 5, "ANDROID": 4, "OSX": 3}),
        ({"push_broadcast": "IOS"}, {"IOS": 5}),
        ({"push_broadcast": 3}, {"IOS": 5, "ANDROID": 4}),
        ({"push_broadcast": "FOR_OSX|FOR_ANDROID"}, {"OSX": 3, "ANDROID": 4}),
        ({"push_singlecast": ["IOS-1", "IOS-1", "ANDROID-0", "gone"]}, {"IOS": 1, "ANDROID": 1}),
        ({"push_singlecast": ["IOS-1", "ANDROID-0"], "push_broadcast": "IOS"}, {"IOS": 1}),
        ({"push_singlecast": ["IOS-90"], "repeat_every": 3600}, {}),
    ],
)
def test_the_audience_is_channel_and_os_and_named_devices(options: dict, expected: dict) -> None:
    register(5, "IOS", "news")
    register(4, "ANDROID", "news", "sport")
    register(3, "OSX", "news")
    register(3, "IOS", "elsewhere", start=90)

    found = audience(publish("news", "hello", None, options).message_id)

    assert set(found.values()) <= {1}
    assert Counter(name.split("-")[0] for name in found) == expected


def test_devices_that_are_not_active_are_no_part_of_it() -> None:
    register(4, "IOS", "news")
    with db.writing() as connection:
        connection.execute(
            update(Device).where(DEVICE.device_id == "IOS-1").values(state="retired")
        )
        connection.execute(update(Device).where(DEVICE.device_id == "IOS-2").values(expires_at=1))
    unregister_device("IOS-3")

    assert set(audience(publish("news", "hello").message_id)) == {"IOS-0"}


def test_members_that_got_their_batch_row_are_counted() -> None:
    register(7, "IOS", "news")
    before = counted("push_pipeline_fanned_out_total")

    fan_out(run_of(publish("news", "hello").message_id))

    assert counted("push_pipeline_fanned_out_total") == before + 7


def test_an_empty_audience_closes_at_once_as_published() -> None:
    message_id = publish("nobody here", "hello").message_id

    assert not audience(message_id)
    ledger = status(message_id)
    assert (ledger["status"], ledger["runs"][0]["state"]) == ("published", "finished")


def test_a_large_audience_goes_page_by_page_on_the_bulk_lane(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "FIRST_PAGE", 150)
    monkeypatch.setattr(fanout, "PAGE", 350)
    for start in range(0, 1200, 400):
        register(300, "IOS", "news", start=start)
        register(100, "ANDROID", "news", start=start + 300)
    message_id = publish("news", "hello").message_id

    found = audience(message_id)

    assert len(found) == 1200
    assert set(found.values()) == {1}
    run = status(message_id)["runs"][0]
    assert (run["audience"], run["inFlight"]) == (1200, 1200)
    with db.reading() as connection:
        rows = connection.execute(select(BATCH.size, BATCH.bulk, BATCH.platform)).all()
    assert all(row.bulk and row.size <= 100 for row in rows)


def test_an_audience_of_just_one_page_is_no_broadcast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "FIRST_PAGE", 50)
    register(50, "IOS", "news")
    run_id = run_of(publish("news", "hello").message_id)

    fan_out(run_id)

    with db.reading() as connection:
        rows = connection.execute(select(BATCH.size, BATCH.bulk, RUN.state).join(Run)).all()
    assert rows == [(50, False, "sending")]


def test_a_fan_out_that_is_woken_again_and_again_adds_nothing() -> None:
    register(250, "IOS", "news")
    message_id = publish("news", "hello").message_id

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: fan_out(run_of(message_id)), range(12)))

    assert set(members_of(run_of(message_id)).values()) == {1}
    assert status(message_id)["runs"][0]["audience"] == 250


def test_an_abandoned_fan_out_goes_on_where_its_checkpoint_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "FIRST_PAGE", 100)
    monkeypatch.setattr(fanout, "PAGE", 100)
    register(450, "IOS", "news")
    message_id = publish("news", "hello").message_id
    run_id = run_of(message_id)

    assert fanout._begin(run_id) is not None  # one page is committed, then the process is gone
    fan_out(run_id)  # its lease still holds
    assert len(members_of(run_id)) == 100
    with db.writing() as connection:
        connection.execute(update(Run).values(lease_until=1))
    fan_out(run_id)

    assert set(members_of(run_id).values()) == {1}
    assert len(members_of(run_id)) == 450


def test_of_two_fan_outs_with_the_same_checkpoint_one_page_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "FIRST_PAGE", 20)
    register(50, "IOS", "news")
    run_id = run_of(publish("news", "hello").message_id)
    begun = fanout._begin(run_id)
    assert begun is not None

    with fanout._telling() as news:
        first, second = fanout._advance(begun.run, news), fanout._advance(begun.run, news)

    assert first is not None
    assert second is None
    assert set(members_of(run_id).values()) == {1}


def test_every_batch_is_woken_once_also_where_the_next_page_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "FIRST_PAGE", 50)
    monkeypatch.setattr(fanout, "PAGE", 100)
    register(400, "IOS", "news")
    run_id = run_of(publish("news", "hello").message_id)
    woken: list[int] = []
    looks = count(1)
    read = fanout.read_page

    def breaking(connection: Connection, selection: Selection, after: int, *rest: Any) -> Page:
        if next(looks) == 3:  # the second page is written, and on PostgreSQL not told of yet
            raise DatabaseUnavailable("gone")
        return read(connection, selection, after, *rest)

    monkeypatch.setattr(fanout, "read_page", breaking)
    queues.hand_wakes_to(lambda wakes: woken.extend(one.key for one in wakes))
    try:
        with pytest.raises(DatabaseUnavailable):
            fan_out(run_id)
        before = list(woken)
        with db.writing() as connection:
            connection.execute(update(Run).values(lease_until=1))
        fan_out(run_id)
    finally:
        queues.hand_wakes_to(None)

    with db.reading() as connection:
        written = list(connection.scalars(select(BATCH.id).order_by(BATCH.id)))
    assert woken == written
    assert before == written[:2]
    assert set(members_of(run_id).values()) == {1}

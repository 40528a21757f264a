"""The batches of a fan-out are, on both databases, those that a plain program would cut."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from push_pipeline import db, publish, status
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.ledger.batches import unpack
from push_pipeline.models import BATCH, DEVICE, RUN, Channel, Device, Run, Subscription
from push_pipeline.options.canary import devices_of
from push_pipeline.settings import Settings
from push_workers.fanout import fan_out as fanout

APP = "APP-1"
FIRST, PAGE, LARGEST = 40, 90, 30
ZONES = ("Europe/Berlin", "Asia/Tokyo")

Row = dict[str, Any]
Cut = tuple[str, str, tuple[int, ...]]


@pytest.fixture(autouse=True)
def app(
    settings: Settings, configure: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(app_id=APP, batch_size=LARGEST)
    for name, value in {"FIRST_PAGE": FIRST, "PAGE": PAGE}.items():
        monkeypatch.setattr(fanout, name, value)
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now_ms())


def populate(rng: random.Random, devices: int) -> list[Row]:
    """Have devices of all kinds, most of them in `news`; return those of it."""
    rows: list[Row] = []
    for n in range(devices):
        platform, kind = rng.choice(
            [("IOS", "apns"), ("IOS", "token"), ("OSX", "apns"), ("ANDROID", "token")]
        )
        rows.append(
            {"app_id": APP, "device_id": f"d{n}", "token": f"{n:064x}", "kind": kind,
             "platform": platform,
             "environment": rng.choice(["", "production", "development"]) * (kind == "apns"),
             "state": rng.choices(["active", "retired"], [9, 1])[0],
             "expires_at": rng.choices([None, 1], [9, 1])[0],
             "user_id": f"u{n // 3}", "time_zone": rng.choice([None, *ZONES]),
             "zone_since": 0, "created_at": 0, "registered_at": 0}
        )  # fmt: skip
    with db.writing() as connection:
        connection.execute(insert(Channel), [{"app_id": APP, "name": "news", "created_at": 0}])
        connection.execute(insert(Device), rows)
        keys = dict(connection.execute(select(DEVICE.device_id, DEVICE.id)).all())
        channel = connection.execute(select(Channel)).first()
        assert channel is not None
        members = [{**row, "id": keys[row["device_id"]]} for row in rows if rng.random() < 0.9]
        subscribed = [{"channel_key": channel.id, "device_key": row["id"]} for row in members]
        connection.execute(insert(Subscription), subscribed)
    return sorted(members, key=lambda row: row["id"])


@dataclass
class Kind:
    """A kind of message, and who of a channel it is for."""

    options: dict[str, Any]
    meant: Callable[[Row], bool] = lambda _: True
    named: Callable[[Row], bool] = lambda _: True  # pages are cut by these alone
    largest: int = LARGEST


KINDS = {
    "a channel": Kind({}),
    "a system": Kind({"pushBroadcast": "IOS"}, lambda row: row["platform"] == "IOS"),
    "devices": Kind(
        {"pushSinglecast": [f"d{n}" for n in range(0, 400, 3)]},
        named=lambda row: int(row["device_id"][1:]) % 3 == 0,
    ),
    "users": Kind(
        {"pushUsers": [f"u{n}" for n in range(0, 134, 2)]},
        named=lambda row: int(row["user_id"][1:]) % 2 == 0,
    ),
    "a segment": Kind({"segmentQuery": "os = 'ANDROID'"}, lambda row: row["platform"] == "ANDROID"),
    "a pace": Kind({"rate": 20}, largest=20),
}


def pages(found: list[Row]) -> Iterator[list[Row]]:
    sizes, start = iter([FIRST]), 0
    while start < len(found):
        size = next(sizes, PAGE)
        yield found[start : start + size]
        start += size


def expected(found: list[Row], kind: Kind) -> Iterator[Cut]:
    for page in pages([row for row in found if kind.named(row)]):
        routes: dict[tuple[str, str], list[int]] = defaultdict(list)
        for row in page:
            if kind.meant(row) and row["state"] == "active" and row["expires_at"] is None:
                route = (row["environment"] or "production") if row["kind"] == "apns" else ""
                routes[row["platform"], route].append(row["id"])
        for (platform, route), keys in routes.items():
            parts = -(-len(keys) // kind.largest)
            for n in range(parts):
                part = keys[n * len(keys) // parts : (n + 1) * len(keys) // parts]
                yield platform, route, tuple(part)


def written(run_id: int) -> list[Any]:
    with db.reading() as connection:
        rows = connection.execute(
            select(BATCH.platform, BATCH.environment, BATCH.members, BATCH.size, BATCH.not_before)
            .where(BATCH.run_id == run_id)
            .order_by(BATCH.id)
        ).all()
    assert all(row.size == len(unpack(row.members)) for row in rows)
    return list(rows)


def fan_out(run_id: int) -> list[Cut]:
    while fanout.fan_out(run_id):
        pass
    return [(row.platform, row.environment, tuple(unpack(row.members))) for row in written(run_id)]


def runs_of(message_id: str) -> list[Any]:
    with db.reading() as connection:
        found = select(RUN.id, RUN.zone, RUN.due_at).where(RUN.message_id == message_id)
        return list(connection.execute(found).all())


def test_the_batches_are_those_of_a_plain_program() -> None:
    members = populate(random.Random(1), 400)

    for name, kind in KINDS.items():
        message_id = publish("news", "hello", None, kind.options).message_id
        [run] = runs_of(message_id)

        cuts = fan_out(run.id)

        assert sorted(cuts) == sorted(expected(members, kind)), name
        assert status(message_id)["runs"][0]["audience"] == sum(len(keys) for *_, keys in cuts)
    before = 0
    for row in written(run.id):  # of the last kind, a pace
        due = run.due_at + before * 1000 // 20
        assert row.not_before == due or due < row.not_before <= now_ms()
        before += row.size


def test_each_zone_has_its_own_and_none_twice() -> None:
    members = populate(random.Random(3), 200)
    message_id = publish("news", "hello", None, {"publishAtLocal": "2099-01-01T09:00"}).message_id
    with db.writing() as connection:
        connection.execute(update(Run).values(due_at=RUN.due_at - max_due(message_id) + now_ms()))

    for run in runs_of(message_id):
        zone = run.zone if run.zone in ZONES else None
        mine = Kind({}, lambda row, zone=zone: row["time_zone"] == zone)
        assert sorted(fan_out(run.id)) == sorted(expected(members, mine)), run.zone


def max_due(message_id: str) -> int:
    return max(run.due_at for run in runs_of(message_id))


def test_a_canary_is_the_first_of_them_and_the_rest_follows() -> None:
    members = populate(random.Random(4), 200)
    everybody = sorted(key for *_, keys in expected(members, KINDS["a channel"]) for key in keys)
    message_id = publish("news", "hello", None, {"canary": 10}).message_id
    [run] = runs_of(message_id)

    first = sorted(key for *_, keys in fan_out(run.id) for key in keys)

    assert first == everybody[: devices_of(10, len(everybody))]
    with db.writing() as connection:
        connection.execute(update(Run).values(lease_until=1))  # as resuming it does
    assert sorted(key for *_, keys in fan_out(run.id) for key in keys) == everybody

"""A message that goes by local time reaches each device at that time of its own zone, once."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from push_pipeline import db, publish, status
from push_pipeline.clock import now_ms
from push_pipeline.devices.register import register_devices
from push_pipeline.devices.registration import check_registration
from push_pipeline.directory.apps import create_app, ensure_app
from push_pipeline.errors import InvalidParameter, InvalidPublishAt
from push_pipeline.ledger.batches import unpack
from push_pipeline.models import APP, BATCH, DEVICE, RUN, App, Batch, Run
from push_pipeline.settings import Settings
from push_workers.fanout.fan_out import fan_out
from push_workers.tick import tick
from tests.audience import ios
from tests.in_process import run_cli

APP_ID = "APP-1"
BERLIN, NEW_YORK, TOKYO = "Europe/Berlin", "America/New_York", "Asia/Tokyo"
TOKENS = iter(ios(10_000))


@pytest.fixture(autouse=True)
def app(settings: Settings, configure: Callable[..., Settings]) -> None:
    configure(app_id=APP_ID)
    with db.writing() as connection:
        ensure_app(connection, APP_ID, "The tests' app", now_ms())


def register(zone: str | None, *names: str, channel: str = "news", at: int | None = None) -> None:
    now = at or now_ms()
    fields = [
        {"deviceId": name, "deviceToken": next(TOKENS), "os": "IOS", "channels": [channel],
         "timeZone": zone}
        for name in names
    ]  # fmt: skip
    with db.writing() as connection:
        checked = [check_registration(one, now) for one in fields]
        register_devices(connection, APP_ID, checked, now, alive=True)


def waves(message_id: str) -> dict[str, int]:
    """Return when each zone's run is due, in the order of the runs."""
    with db.reading() as connection:
        statement = select(RUN.zone, RUN.due_at).where(RUN.message_id == message_id)
        return dict(connection.execute(statement.order_by(RUN.n)).all())


def numbered(message_id: str, *, with_state: bool = False) -> list[tuple]:
    """Return number, zone, time and maybe state of each run."""
    columns = [RUN.n, RUN.zone, RUN.due_at, *([RUN.state] if with_state else [])]
    with db.reading() as connection:
        statement = select(*columns).where(RUN.message_id == message_id).order_by(RUN.n)
        return [tuple(row) for row in connection.execute(statement)]


def fire(message_id: str, zone: str, after: int = 0) -> set[str]:
    """Let the time of a zone's wave come and return the devices that it takes."""
    with db.writing() as connection:
        run_id, due = connection.execute(
            select(RUN.id, RUN.due_at)
            .where(RUN.message_id == message_id, RUN.zone == zone, RUN.n > after)
            .order_by(RUN.n)
            .limit(1)
        ).one()
        shift = now_ms() - due  # all waves together: their order and distances stay
        connection.execute(
            update(Run).where(RUN.message_id == message_id).values(due_at=RUN.due_at + shift)
        )
    fan_out(run_id)
    with db.reading() as connection:
        packed = connection.scalars(select(BATCH.members).where(BATCH.run_id == run_id))
        keys = [key for members in packed for key in unpack(members)]
        names = connection.scalars(select(DEVICE.device_id).where(DEVICE.id.in_(keys))).all()
    assert len(names) == len(keys)
    return set(names)


def at_nine(**options: object) -> str:
    options = {"publish_at_local": "09:00"} | options
    return publish("news", "Good morning", None, options).message_id


def test_there_is_one_run_for_each_zone_at_nine_by_its_own_clock() -> None:
    register(BERLIN, "anna", "ben")
    register(TOKYO, "chie")
    register(NEW_YORK, "dan")
    register("Asia/Kolkata", "elsewhere", channel="other")

    due = waves(at_nine())

    assert set(due) == {BERLIN, TOKYO, NEW_YORK, "UTC"}
    assert list(due.values()) == sorted(due.values())
    now = datetime.now(UTC)
    for zone, at in due.items():
        local = datetime.fromtimestamp(at / 1000, ZoneInfo(zone))
        assert local.time() == time(9)
        assert timedelta() < local - now <= timedelta(days=1)


def test_each_device_is_in_exactly_one_wave_and_the_unknown_ones_in_the_apps() -> None:
    register(BERLIN, "anna", "ben")
    register(TOKYO, "chie")
    register(None, "nobody knows")
    register("UTC", "zulu")
    message_id = at_nine()
    register("Asia/Kolkata", "came later")

    taken = {zone: fire(message_id, zone) for zone in waves(message_id)}

    assert taken == {
        BERLIN: {"anna", "ben"},
        TOKYO: {"chie"},
        "UTC": {"nobody knows", "zulu", "came later"},
    }
    assert status(message_id)["status"] == "scheduled"


def test_the_apps_own_zone_is_that_of_devices_that_told_none() -> None:
    with db.writing() as connection:
        connection.execute(update(App).where(APP.id == APP_ID).values(time_zone=TOKYO))
    register(None, "nobody knows")
    register(TOKYO, "chie")

    message_id = at_nine()

    assert list(waves(message_id)) == [TOKYO]
    assert fire(message_id, TOKYO) == {"nobody knows", "chie"}


def test_who_travels_between_two_waves_gets_neither_none_nor_two() -> None:
    register(TOKYO, "stays in Tokyo", "leaves Tokyo")
    register(NEW_YORK, "stays in New York", "leaves New York")
    home = {
        TOKYO: {"stays in Tokyo", "leaves Tokyo"},
        NEW_YORK: {"stays in New York", "leaves New York"},
    }
    message_id = at_nine()
    first, second = (zone for zone in waves(message_id) if zone != "UTC")

    taken = fire(message_id, first)
    later = now_ms() + 1_000
    register(NEW_YORK, "leaves Tokyo", at=later)
    register(TOKYO, "leaves New York", at=later)

    assert taken == home[first]
    assert fire(message_id, second) == home[second]
    assert fire(message_id, "UTC") == set()


def test_a_date_that_a_zone_has_behind_it_goes_there_at_once() -> None:
    register("Pacific/Kiritimati", "ahead")
    register("Pacific/Pago_Pago", "behind")
    wall = datetime.now(UTC).replace(tzinfo=None, microsecond=0)

    due = waves(at_nine(publish_at_local=wall))

    now = now_ms()
    assert abs(due["Pacific/Kiritimati"] - now) < 5_000
    assert due["Pacific/Pago_Pago"] - now > 10 * 3_600_000


def test_named_devices_make_waves_of_their_own_zones_only() -> None:
    register(BERLIN, "anna")
    register(TOKYO, "chie")
    register(NEW_YORK, "dan")

    due = waves(at_nine(push_singlecast=["anna", "chie"]))

    assert set(due) == {BERLIN, TOKYO, "UTC"}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"repeat_every": 60}, InvalidParameter, "repeat"),
        ({"publish_at": 4_000_000_000_000}, InvalidParameter, "exclude"),
        ({"publish_at_local": "9 o'clock"}, InvalidPublishAt, "HH:MM"),
        ({"publish_at_local": "25:00"}, InvalidPublishAt, "HH:MM"),
        ({"publish_at_local": "09:00+02:00"}, InvalidPublishAt, "HH:MM"),
        ({"publish_at_local": datetime.now(UTC)}, InvalidPublishAt, "time zone"),
        ({"publish_at_local": "2020-01-01T09:00"}, InvalidPublishAt, "passed in every time zone"),
        ({"publish_at_local": "9999-12-31T23:59"}, InvalidPublishAt, "not between"),
    ],
)
def test_what_makes_no_sense_with_local_time_is_refused(
    options: dict, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        at_nine(**options)


@pytest.mark.parametrize("spelling", ["09:00", "09:00:00", "2031-01-01T09:00", time(9, 0)])
def test_every_spelling_of_a_local_time_is_taken(spelling: object) -> None:
    register(BERLIN, "anna")

    (at,) = (at for zone, at in waves(at_nine(publish_at_local=spelling)).items() if zone == BERLIN)

    assert datetime.fromtimestamp(at / 1000, ZoneInfo(BERLIN)).time() == time(9)


@pytest.mark.parametrize("name", ["Europe/Atlantis", "europe/berlin", "../etc/passwd", "GMT+25"])
def test_an_unknown_time_zone_is_refused_of_an_app_but_not_of_a_device(name: str) -> None:
    register(name, "anna")
    with pytest.raises(InvalidParameter, match="unknown"), db.writing() as connection:
        create_app(connection, "shop", now_ms(), None, name)


def test_the_message_is_published_when_its_last_wave_is_over() -> None:
    register(BERLIN, "anna")
    message_id = at_nine()
    first, last = waves(message_id)
    assert {first, last} == {BERLIN, "UTC"}

    fire(message_id, "UTC")
    assert status(message_id)["status"] == "scheduled"
    fire(message_id, BERLIN)
    with db.writing() as connection:
        connection.execute(update(Batch).values(accepted=1, finished_at=now_ms()))
    tick()

    ledger = status(message_id)
    assert ledger["status"] == "published"
    assert {run["zone"]: run["audience"] for run in ledger["runs"]} == {BERLIN: 1, "UTC": 0}
    assert [run["zoneDefault"] for run in ledger["runs"] if run["zone"] == "UTC"] == [True]


def test_a_repeat_by_local_time_has_a_round_of_waves_for_each_day() -> None:
    register(BERLIN, "anna")
    register(TOKYO, "chie")
    message_id = at_nine(repeat_every=86_400)
    first, *others = waves(message_id)
    due = waves(message_id)

    taken = {zone: fire(message_id, zone) for zone in (first, *others)}

    assert taken == {BERLIN: {"anna"}, TOKYO: {"chie"}, "UTC": set()}
    planned = numbered(message_id)
    assert [n for n, _, _ in planned] == [1, 2, 3, 1_001, 1_002, 1_003]
    assert {zone for _, zone, _ in planned[3:]} == set(due)
    assert status(message_id)["status"] == "scheduled"


def test_beginning_a_round_twice_writes_the_next_one_once_for_the_zones_of_that_day() -> None:
    register(BERLIN, "anna")
    message_id = at_nine(repeat_every=7 * 86_400)
    first, _ = waves(message_id)
    register(TOKYO, "came later")

    fire(message_id, first)
    fire(message_id, first)

    planned = numbered(message_id)
    assert [n for n, _, _ in planned] == [1, 2, 1_001, 1_002, 1_003]
    assert {zone for _, zone, _ in planned[2:]} == {BERLIN, TOKYO, "UTC"}
    assert fire(message_id, TOKYO) == {"came later"}


def test_a_repeat_by_local_time_ends_with_the_last_wave_before_its_end() -> None:
    register("Pacific/Kiritimati", "ahead")
    register("Pacific/Pago_Pago", "behind")
    endless = at_nine(repeat_every=86_400)
    first = next(iter(waves(endless)))
    fire(endless, first)
    due = [at for n, _, at in numbered(endless) if n > 1_000]

    repeat = at_nine(repeat_every=86_400, repeat_expires_at=(due[0] + due[1]) // 2)
    fire(repeat, first)

    states = [(n, state) for n, _, _, state in numbered(repeat, with_state=True)]
    assert states[3:] == [(1_001, "scheduled"), (1_002, "skipped"), (1_003, "skipped")]


def test_who_is_in_no_zone_with_a_wave_left_is_not_taken_by_the_default_wave() -> None:
    register("Pacific/Kiritimati", "ahead")
    register("Pacific/Pago_Pago", "behind")
    repeat = at_nine(repeat_every=86_400)
    order = list(waves(repeat))
    fire(repeat, order[0])
    with db.writing() as connection:
        late = (RUN.n > 1_000) & (RUN.zone == "Pacific/Pago_Pago")
        connection.execute(update(Run).where(late).values(state="skipped", finished_at=now_ms()))

    assert fire(repeat, "UTC", after=1_000) == set()


def test_the_command_line_schedules_waves_and_lists_them() -> None:
    register(BERLIN, "anna")

    published = run_cli("publish", "news", "Good morning", "--at", "09:00", "--local")
    listed = run_cli("schedule", "list")
    refused = run_cli("publish", "news", "Good morning", "--local")

    assert published.returncode == 0, published.stderr
    assert BERLIN in listed.stdout
    assert "UTC and others" in listed.stdout
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "--local needs --at" in refused.stderr

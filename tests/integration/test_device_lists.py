"""Lists of registrations: many at once end as they would one after the other."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import delete, event, select, update

from push_pipeline import db
from push_pipeline.cli.device_import import Totals, Wanted, import_devices
from push_pipeline.devices.foreign import FORMATS
from push_pipeline.devices.register import register_devices
from push_pipeline.devices.registration import Registration
from push_pipeline.directory.apps import ensure_app
from push_pipeline.models import CHANNEL, DEVICE, SUBSCRIPTION, Channel, Device
from push_pipeline.platform import Platform
from push_pipeline.settings import Settings

APP = "APP-1"
NOW = 1_800_000_000_000


@pytest.fixture(autouse=True)
def _app(settings: Settings, configure: Callable[..., Settings]) -> Iterator[None]:
    configure(app_id=APP)
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", NOW)
    yield
    db.dispose()


def one(device: str = "dev-1", token: str = "a", **told: object) -> Registration:
    return Registration(device, token * 64, "apns", Platform.IOS, **told)


def write(*registrations: Registration, alive: bool = False, now: int = NOW) -> None:
    with db.writing() as connection:
        register_devices(connection, APP, registrations, now, alive=alive)


def rows() -> list[dict]:
    """Return all that is known of every device, with its channels."""
    with db.reading() as connection:
        devices = connection.execute(select(Device).order_by(DEVICE.device_id)).mappings().all()
        joined = connection.execute(
            select(SUBSCRIPTION.device_key, CHANNEL.name)
            .join(Channel, CHANNEL.id == SUBSCRIPTION.channel_key)
            .order_by(CHANNEL.name)
        ).all()
    return [
        {**row, "channels": [name for key, name in joined if key == row["id"]]} for row in devices
    ]


def told() -> list[tuple]:
    """Return what of `rows` has been said by a list."""
    names = ("device_id", "token", "user_id", "locale", "environment", "os_version", "channels")
    return [tuple(row[name] for name in names) for row in rows()]


def empty() -> None:
    with db.writing() as connection:
        connection.execute(delete(Device))


lines = st.builds(
    one,
    st.sampled_from(["dev-1", "dev-2", "dev-3"]),
    st.sampled_from("abc"),
    channels=st.sampled_from([("x",), ("y",), ("y", "z")]),
    user_id=st.sampled_from([None, "", "u1", "u2"]),
    locale=st.sampled_from([None, "nb"]),
    environment=st.sampled_from(["", "sandbox"]),
    os_version=st.sampled_from([None, "17"]),
)


@examples(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(lines, min_size=2, max_size=7))
def test_repeats_of_a_device_or_a_token_count_one_after_the_other(found: list) -> None:
    empty()
    for line in found:
        write(line)
    one_by_one = told()

    empty()
    write(*found)

    assert told() == one_by_one


def test_a_list_with_a_line_for_each_channel_joins_them() -> None:
    write(*(one(channels=(name,)) for name in ("c", "a", "b")))

    (row,) = rows()
    assert row["channels"] == ["a", "b", "c"]


def test_a_list_that_is_written_again_changes_nothing() -> None:
    listed = [
        one(f"dev-{n}", f"{n}", properties={"plan": n}, time_zone="Europe/Oslo", expires_at=NOW + 9)
        for n in range(9)
    ]
    write(*listed)
    before = rows()

    write(*listed, now=NOW + 5)

    assert rows() == before


def test_a_list_keeps_what_it_leaves_unsaid_and_adds_channels() -> None:
    write(one(user_id="u1", properties={"a": {}}, locale="nb", environment="sandbox"))

    write(one(channels=("news",), os_version="18"), now=NOW + 5)

    (row,) = rows()
    assert (row["user_id"], row["properties"], row["locale"]) == ("u1", {"a": {}}, "nb")
    assert (row["environment"], row["os_version"]) == ("sandbox", "18")
    assert row["channels"] == ["default", "news"]


@pytest.mark.parametrize("alive", [True, False])
def test_a_device_that_is_nobody_s_any_more_loses_its_user(alive: bool) -> None:
    write(one("a", "a", user_id="u1", locale="nb"), one("b", "b", user_id="u2"))

    write(one("a", "a", user_id=""), one("b", "b"), one("c", "c", user_id=""), alive=alive)

    assert [(row["device_id"], row["user_id"], row["locale"]) for row in rows()] == [
        ("a", None, "nb"),
        ("b", "u2", None),
        ("c", None, None),
    ]


def test_a_list_is_no_proof_of_life_but_a_new_token_and_a_device_are() -> None:
    write(one())
    with db.writing() as connection:
        connection.execute(update(Device).values(state="retired", state_reason="Unregistered"))

    write(one(os_version="18"), now=NOW + 5)
    (still,) = rows()
    write(one(os_version="18"), now=NOW + 6, alive=True)
    (spoke,) = rows()
    with db.writing() as connection:
        connection.execute(update(Device).values(state="quarantined"))
    write(one(token="b"), now=NOW + 7)
    (renewed,) = rows()

    assert (still["state"], still["os_version"], still["registered_at"]) == ("retired", "18", NOW)
    assert (spoke["state"], spoke["state_reason"], spoke["registered_at"]) == (
        "active", None, NOW + 6,
    )  # fmt: skip
    assert (renewed["state"], renewed["registered_at"]) == ("active", NOW + 7)


def test_a_traveller_s_former_time_zone_is_remembered() -> None:
    write(one(time_zone="Europe/Oslo"))
    write(one(time_zone="Asia/Tokyo"), now=NOW + 5)
    write(one(), now=NOW + 6)

    (row,) = rows()
    zones = (row["time_zone"], row["zone_before"], row["zone_since"])
    assert zones == ("Asia/Tokyo", "Europe/Oslo", NOW + 5)


@pytest.mark.parametrize("alive", [True, False])
def test_a_registration_that_has_expired_leaves_nothing_to_the_next(alive: bool) -> None:
    write(one(channels=("old",), user_id="u1", expires_at=NOW + 5))

    write(one(channels=("new",)), now=NOW + 5, alive=alive)

    (row,) = rows()
    assert (row["channels"], row["user_id"], row["expires_at"]) == (["new"], None, None)


def test_a_token_of_an_expired_registration_is_free() -> None:
    write(one("old", user_id="u1", expires_at=NOW + 5), one("new", "b", user_id="u2"))

    write(one("new"), now=NOW + 6)

    assert [(row["device_id"], row["user_id"]) for row in rows()] == [("new", "u2")]


def test_a_list_is_written_in_few_statements_however_long_it_is() -> None:
    listed = [replace(one(f"dev-{n}"), token=f"{n:064x}") for n in range(800)]
    sent: list[str] = []

    with db.writing() as connection:
        event.listen(connection, "before_cursor_execute", lambda *told: sent.append(told[2]))
        register_devices(connection, APP, listed, NOW, alive=False)

    assert len(rows()) == 800
    assert len(sent) < 10


def test_a_line_that_no_database_can_keep_is_skipped_and_told_by_its_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    good = {"deviceToken": "ab" * 32, "os": "IOS"}
    listed = [
        {**good, "deviceId": "nul\0"},
        {**good, "deviceId": "d", "properties": {"a": ["\0"]}},
        {**good, "deviceId": "d", "userId": "\0"},
        {**good, "deviceId": "d"},
    ]
    source = BytesIO("\n".join(map(json.dumps, listed)).encode())

    totals = import_devices(source, Wanted(), lambda _: None)

    assert (totals.imported, totals.bad, len(rows())) == (1, 3, 1)
    said = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in said] == ["line 1", "line 2", "line 3"]


def test_a_list_of_another_service_leaves_devices_as_they_are_here() -> None:
    """They may have another user and another token since; its own lines count in their order."""
    row = "{},{},0,{},2020-01-01 00:00:00 UTC,f"
    listed = [("a", "0a" * 32, "1"), ("b", "0b" * 32, "2"), ("b", "0c" * 32, "2")]
    table = "id,identifier,device_type,external_user_id,last_active,invalid_identifier\n"
    table += "\n".join(row.format(name, token, user) for name, token, user in listed)

    def again(**changed: object) -> Totals:
        wanted = Wanted(foreign=True, **changed)
        return import_devices(BytesIO(table.encode()), wanted, lambda _: None, FORMATS["onesignal"])

    assert again(dry=True).imported == 3
    assert rows() == []
    assert again().imported == 3
    assert [(row["device_id"], row["token"]) for row in rows()] == [
        ("a", "0a" * 32),
        ("b", "0c" * 32),
    ]
    write(one("new-id", "d", user_id="3"), replace(one("b", user_id="4"), token="0c" * 32))
    before = rows()

    totals = again()

    assert (totals.imported, totals.skipped) == (0, {"here already": 3})
    assert rows() == before

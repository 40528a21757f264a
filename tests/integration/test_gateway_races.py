"""Registrations that meet: the same device, or the same token, from many callers at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from push_pipeline import db, register_device, unregister_device
from push_pipeline.clock import now_ms
from push_pipeline.devices.channels import delete_channel
from push_pipeline.devices.lookup import Registered, find_registration
from push_pipeline.devices.register import register_devices
from push_pipeline.devices.registration import check_registration
from push_pipeline.directory.apps import ensure_app
from push_pipeline.errors import UnknownChannel, UnknownDevice
from push_pipeline.models import DEVICE, SUBSCRIPTION, Device, Subscription
from push_pipeline.settings import Settings

APP = "APP-1"

#: As many callers as the requirement names; more than the pool has connections.
CALLERS = 32


@pytest.fixture(autouse=True)
def _app(settings: Settings, configure: Callable[..., Settings]) -> Iterator[None]:
    configure(app_id=APP)
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now_ms())
    yield
    db.dispose()


def token(number: int) -> str:
    return f"{number:064x}"


def read(device_id: str) -> Registered | None:
    with db.reading() as connection:
        return find_registration(connection, APP, device_id, now_ms())


def count(table: type, column) -> int:
    with db.reading() as connection:
        return connection.execute(select(func.count(column)).select_from(table)).scalar_one()


def at_once(work: Callable[[int], object], times: int = CALLERS) -> list[object]:
    with ThreadPoolExecutor(CALLERS) as callers:
        return list(callers.map(work, range(times)))


def test_a_device_that_registers_32_times_at_once_is_one_device_in_all_its_channels() -> None:
    at_once(lambda n: register_device("dev-1", token(1), "IOS", channels=[f"c{n % 4}", "all"]))

    assert count(Device, DEVICE.id) == 1
    found = read("dev-1")
    assert found is not None
    assert found.channels == ("all", "c0", "c1", "c2", "c3")


def test_a_token_that_two_devices_fight_for_belongs_to_one_of_them() -> None:
    at_once(lambda n: register_device(f"dev-{n % 2}", token(1), "IOS"), times=64)

    assert count(Device, DEVICE.id) == 1
    assert count(Subscription, SUBSCRIPTION.device_key) == 1


def test_a_token_that_32_devices_register_at_once_takes_only_its_own_channels_along() -> None:
    at_once(lambda n: register_device(f"dev-{n}", token(1), "IOS", channels=[f"c{n}", "all"]))

    (found,) = [found for found in map(read, (f"dev-{n}" for n in range(CALLERS))) if found]
    assert found.token == token(1)
    assert found.channels == ("all", found.device_id.replace("dev-", "c"))
    assert count(Subscription, SUBSCRIPTION.device_key) == len(found.channels)


def test_two_devices_that_exchange_their_tokens_at_once_keep_one_row_each() -> None:
    for n in (0, 1):
        register_device(f"dev-{n}", token(n), "IOS")

    at_once(lambda n: register_device(f"dev-{n % 2}", token((n + n // 2) % 2), "IOS"), times=64)

    tokens = [found.token for found in map(read, ("dev-0", "dev-1")) if found]
    assert tokens
    assert len(set(tokens)) == len(tokens) == count(Device, DEVICE.id)


def test_devices_that_exchange_their_tokens_in_one_import_keep_their_channels() -> None:
    register_device("dev-0", token(0), "IOS", channels=["old"])
    register_device("dev-1", token(1), "IOS", channels=["old"])
    lines = [
        {"deviceId": f"dev-{n}", "deviceToken": token(1 - n), "os": "IOS", "channels": ["new"]}
        for n in (0, 1)
    ]

    with db.writing() as connection:
        now = now_ms()
        wanted = [check_registration(line, now) for line in lines]
        register_devices(connection, APP, wanted, now, alive=False)

    for n in (0, 1):
        found = read(f"dev-{n}")
        assert found is not None
        assert (found.token, found.channels) == (token(1 - n), ("new", "old"))


def test_imports_and_registrations_of_the_same_devices_do_not_lock_each_other_out() -> None:
    def work(n: int) -> None:
        order = range(60) if n % 2 else range(59, -1, -1)
        now = now_ms()
        wanted = [
            check_registration(
                {"deviceId": f"d{i}", "deviceToken": token(i), "os": "IOS", "channels": [f"c{i}"]},
                now,
            )
            for i in order
        ]
        with db.writing() as connection:
            register_devices(connection, APP, wanted, now, alive=bool(n % 3))

    at_once(work)

    assert count(Device, DEVICE.id) == 60
    assert count(Subscription, SUBSCRIPTION.device_key) == 60


def test_a_channel_deleted_while_devices_join_it_leaves_nobody_half_registered() -> None:
    def work(n: int) -> None:
        if n % 4:
            register_device(f"dev-{n}", token(n), "IOS", channels=["hot"])
            return
        try:
            with db.writing() as connection:
                delete_channel(connection, APP, "hot")
        except UnknownChannel:
            return

    at_once(work, times=128)

    assert count(Device, DEVICE.id) == 96


def test_a_device_that_unregisters_while_it_registers_is_there_or_gone() -> None:
    def work(n: int) -> None:
        if n % 2:
            register_device("dev-1", token(1), "IOS")
            return
        try:
            unregister_device("dev-1")
        except UnknownDevice:
            return

    at_once(work, times=128)

    assert count(Device, DEVICE.id) == count(Subscription, SUBSCRIPTION.device_key)


def test_a_registration_that_leaves_things_unsaid_keeps_what_was_said_before() -> None:
    told = {"userId": "u1", "properties": {"plan": "pro"}, "locale": "nb", "environment": "sandbox"}
    register_device("dev-1", token(1), "IOS", **told)

    register_device("dev-1", token(1), "IOS", osVersion="17.1")

    with db.reading() as connection:
        row = connection.execute(
            select(DEVICE.user_id, DEVICE.properties, DEVICE.locale, DEVICE.environment)
        ).one()
    assert tuple(row) == ("u1", {"plan": "pro"}, "nb", "sandbox")


def test_a_token_of_another_user_ends_the_link_to_a_user() -> None:
    register_device("dev-1", token(1), "IOS", userId="u1")
    register_device("dev-2", token(2), "IOS", userId="u2")

    register_device("dev-1", token(2), "IOS")

    with db.reading() as connection:
        assert connection.execute(select(DEVICE.device_id, DEVICE.user_id)).all() == [
            ("dev-1", None)
        ]

"""The tick removes registrations that have expired, a bounded number at a time."""

from collections.abc import Callable

import pytest
from sqlalchemy import insert, select, update

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.devices import expiry
from push_pipeline.devices.register import register_devices
from push_pipeline.devices.registration import check_registration
from push_pipeline.directory.apps import ensure_app
from push_pipeline.models import DEVICE, SUBSCRIPTION, Channel, Device, Subscription
from push_pipeline.settings import Settings
from push_workers.tick import tick
from tests.audience import ios

APP = "APP-1"


@pytest.fixture(autouse=True)
def app(settings: Settings, configure: Callable[..., Settings]) -> None:
    configure(app_id=APP)
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now_ms())


def register(count: int) -> None:
    now = now_ms()
    fields = [
        {
            "deviceId": f"device-{n}",
            "deviceToken": token,
            "os": "IOS",
            "channels": ["news", "sport"],
        }
        for n, token in enumerate(ios(count))
    ]
    with db.writing() as connection:
        registrations = [check_registration(one, now) for one in fields]
        register_devices(connection, APP, registrations, now, alive=True)


def expire(*names: str, at: int) -> None:
    with db.writing() as connection:
        connection.execute(update(Device).where(DEVICE.device_id.in_(names)).values(expires_at=at))


def registered() -> set[str]:
    with db.reading() as connection:
        return set(connection.scalars(select(DEVICE.device_id)))


def subscriptions() -> int:
    with db.reading() as connection:
        return len(connection.execute(select(SUBSCRIPTION.device_key)).all())


def test_an_expired_registration_is_removed_with_its_subscriptions() -> None:
    register(4)
    expire("device-0", "device-1", at=now_ms() - 1)
    expire("device-2", at=now_ms() + 3_600_000)

    tick()

    assert registered() == {"device-2", "device-3"}
    assert subscriptions() == 4


def test_one_tick_removes_a_bounded_number_the_earliest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expiry, "LIMIT", 2)
    register(5)
    for n in range(5):
        expire(f"device-{n}", at=1_000 + n)

    left = []
    for _ in range(3):
        tick()
        left.append(len(registered()))

    assert left == [3, 1, 0]
    assert subscriptions() == 0


def test_a_registration_that_is_being_renewed_is_neither_removed_nor_waited_for(
    postgresql_url: str, configure: Callable[..., Settings]
) -> None:
    configure(database_url=postgresql_url)
    now = now_ms()
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now)
    register(2)
    expire("device-0", "device-1", at=now - 1)

    with db.engine().begin() as renewing:
        renewing.execute(
            update(Device).where(DEVICE.device_id == "device-0").values(expires_at=now + 60_000)
        )
        tick()

    assert registered() == {"device-0"}


def test_thousands_that_expire_together_are_gone_after_a_few_ticks() -> None:
    now = now_ms()
    common = {
        "app_id": APP, "kind": "apns", "platform": "IOS", "environment": "", "state": "active",
        "expires_at": now - 1, "created_at": now, "registered_at": now,
    }  # fmt: skip
    rows = [common | {"device_id": token, "token": token} for token in ios(3_000)]
    with db.writing() as connection:
        connection.execute(insert(Channel).values(id=1, app_id=APP, name="news", created_at=now))
        connection.execute(insert(Device), rows)
        keys = connection.scalars(select(DEVICE.id)).all()
        connection.execute(
            insert(Subscription), [{"channel_key": 1, "device_key": key} for key in keys]
        )

    tick()
    tick()

    assert registered() == set()
    assert subscriptions() == 0

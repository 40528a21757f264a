"""Many requests at once, which share transactions: each is answered for itself."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import func, select

from push_pipeline import db
from push_pipeline.models import (
    CHANNEL,
    DEVICE,
    MESSAGE,
    RUN,
    SUBSCRIPTION,
    Channel,
    Device,
    Message,
    Run,
    Subscription,
)
from tests.integration.gateway_stand import APP, Answer, Client, make_app

CLIENTS = 32


def at_once(ask: Callable[[int], Answer], times: int = CLIENTS) -> list[Answer]:
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(ask, range(times)))


def count(column, table: type) -> int:
    with db.reading() as connection:
        return connection.execute(select(func.count(column)).select_from(table)).scalar_one()


def test_each_of_many_publishes_gets_a_message_with_a_run_of_its_own(api: Client) -> None:
    answers = at_once(lambda n: api.publish(f"channel-{n % 3}", f"text {n}"), times=200)

    told = {answer.body["messageId"]: n for n, answer in enumerate(answers)}
    assert len(told) == 200
    with db.reading() as connection:
        rows = connection.execute(
            select(MESSAGE.id, MESSAGE.channel, MESSAGE.content, func.count(RUN.id))
            .select_from(Message)
            .join(Run, RUN.message_id == MESSAGE.id)
            .group_by(MESSAGE.id)
        ).all()
    assert len(rows) == 200
    for message_id, channel, content, runs in rows:
        n = told[message_id]
        assert (channel, content["message"], runs) == (f"channel-{n % 3}", f"text {n}", 1)


def test_publishes_with_the_same_key_are_one_message_however_they_meet(api: Client) -> None:
    def ask(n: int) -> Answer:
        body = {"message": f"order {n % 4}"}
        return api("POST", "/messaging/orders", body, Idempotency_Key=f"order-{n % 4}")

    answers = at_once(ask, times=128)

    ids = Counter((n % 4, answer.body["messageId"]) for n, answer in enumerate(answers))
    assert sorted(n for n, _ in ids) == [0, 1, 2, 3]
    assert count(MESSAGE.id, Message) == 4


def test_a_faulty_publish_spoils_none_of_those_beside_it(api: Client) -> None:
    def ask(n: int) -> Answer:
        return api.publish(message=None if n % 5 == 0 else "fine")

    answers = at_once(ask, times=100)

    assert {answer.fault for answer in answers[::5]} == {(400, 5041)}
    assert sum(answer.status == 200 for answer in answers) == 80 == count(MESSAGE.id, Message)


def test_a_device_that_registers_from_32_clients_is_one_device_in_all_its_channels(
    api: Client,
) -> None:
    answers = at_once(lambda n: api.register("dev-1", channels=[f"c{n}"]))

    assert {answer.status for answer in answers} == {200}
    [found] = api("GET", "/messaging/registrations/dev-1").body
    assert found["channels"] == sorted(f"c{n}" for n in range(CLIENTS))
    assert count(DEVICE.id, Device) == 1


def test_each_of_many_devices_is_told_its_own_registration(api: Client) -> None:
    make_app("APP-2", "KEY-2")

    def ask(n: int) -> Answer:
        prefix = None if n % 2 else "/APP-2/KEY-2"
        told = {"deviceId": f"dev-{n}", "deviceToken": f"{n:064x}", "os": "IOS"}
        channels = {"channels": [f"c{n % 3}"]}
        return api("POST", "/messaging/registrations", told | channels, prefix=prefix)

    answers = at_once(ask, times=200)

    told = [answer.body["registrationId"] for answer in answers]
    assert len(set(told)) == 200
    with db.reading() as connection:
        rows = connection.execute(
            select(DEVICE.device_id, DEVICE.app_id, CHANNEL.name, CHANNEL.app_id)
            .select_from(Device)
            .join(Subscription, SUBSCRIPTION.device_key == DEVICE.id)
            .join(Channel, CHANNEL.id == SUBSCRIPTION.channel_key)
        ).all()
    assert len(rows) == 200
    for device_id, app_id, channel, app_of_channel in rows:
        n = int(device_id.removeprefix("dev-"))
        assert (app_id, channel) == (APP if n % 2 else "APP-2", f"c{n % 3}")
        assert app_of_channel == app_id

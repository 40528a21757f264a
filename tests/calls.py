"""The calls whose cost follows the audience and never the installation, each of them once."""

from collections.abc import Callable, Iterator

from sqlalchemy import select

from push_pipeline import (
    db,
    list_devices,
    publish,
    register_device,
    show_device,
    status,
    unregister_device,
)
from push_pipeline.audience import Selection, count_members, may_have
from push_pipeline.clock import now_ms
from push_pipeline.devices.subscribers import count_subscribers
from push_pipeline.devices.zones import find_zones
from push_pipeline.ledger.deliveries import export
from push_pipeline.models import CHANNEL, RUN
from push_pipeline.options import DeliveryOptions
from push_workers import tick
from push_workers.fanout.fan_out import fan_out
from tests.plans import APP, Cost, name_of

#: The numbers of devices that are named; there are more than that in every installation.
NAMED = (11, 500, 1_200)

SEGMENT = "locale = 'de-AT' AND osVersion IS NULL"


def costs(since: Callable[[], Cost]) -> Iterator[tuple[str, Cost]]:
    """Make the calls, and tell what each of them read."""
    since()
    ids: list[str] = []
    named = {"push_singlecast": [name_of(number) for number in NAMED]}
    for name, channel, users, options in (
        ("one device's channel", "one", None, {}),
        ("a hundred's channel", "hundred", None, {}),
        ("named devices", "all", None, named),
        ("a user", None, ["user-250"], {}),
        ("a user in a channel", "all", ["user-250"], {}),
        ("a segment of a hundred", "hundred", None, {"segment_query": SEGMENT}),
    ):
        delivery = DeliveryOptions(**options)
        ids.append(publish(channel, "hello", None, delivery, users=users).message_id)
        yield f"publish: {name}", since()
        fan_out(_run_of(ids[-1]))
        yield f"fan-out: {name}", since()
    for name, call in _others(ids[1]).items():
        call()
        yield name, since()


def _run_of(message_id: str) -> int:
    with db.reading() as connection:
        return connection.execute(select(RUN.id).where(RUN.message_id == message_id)).scalar_one()


def _others(message_id: str) -> dict[str, Callable[[], object]]:
    return {
        "register anew": lambda: register_device("new", "e" * 64, "IOS", channels=["hundred"]),
        "register again": lambda: register_device("new", "e" * 64, "IOS", channels=["all"]),
        "unregister": lambda: unregister_device("new"),
        "show": lambda: show_device(name_of(500)),
        "list: a user": lambda: list_devices(user="user-250"),
        "list: a channel": lambda: list_devices(channel="hundred", limit=10),
        "list: the app": lambda: list_devices(limit=10, after=100),
        "count: a channel": lambda: _read(count_members, _IN_HUNDRED, 0),
        "zones of a channel": lambda: _read(find_zones, APP, "hundred"),
        "somebody there": lambda: _read(may_have, _IN_HUNDRED, "OSX", 0),
        "a channel's subscribers": lambda: _read(count_subscribers, _key("hundred"), None, 0),
        "status": lambda: status(message_id),
        "export": lambda: _export(message_id),
        **{f"tick: {duty.__name__.replace('_', ' ')}": _duty(duty) for duty in tick.DUTIES},
    }


_IN_HUNDRED = Selection(APP, "hundred", ("IOS", "ANDROID"))


def _read(call: Callable[..., object], *arguments: object) -> None:
    with db.reading() as connection:
        call(connection, *arguments)


def _key(channel: str) -> int:
    with db.reading() as connection:
        return connection.execute(select(CHANNEL.id).where(CHANNEL.name == channel)).scalar_one()


def _duty(duty: Callable[[int], None]) -> Callable[[], None]:
    return lambda: duty(now_ms())


def _export(message_id: str) -> None:
    with db.reading() as connection:
        list(export(connection, message_id))

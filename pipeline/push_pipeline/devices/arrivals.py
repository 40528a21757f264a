"""Registrations of devices that spoke at about the same time, written in one transaction."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from push_pipeline.devices.locks import lock_stripes_of_apps
from push_pipeline.devices.register import register_devices
from push_pipeline.devices.registration import Registration


class Arrival(NamedTuple):
    """A registration that was checked, and the app that it is for."""

    app_id: str
    wanted: Registration

    def marks(self) -> Iterator[tuple[str, str]]:
        """Name what no two of one transaction may share: the later could end the earlier one."""
        yield self.app_id, self.wanted.device_id
        yield self.app_id, self.wanted.token


def register_arrivals(connection: Connection, arrivals: Sequence[Arrival], now: int) -> list[int]:
    """Write registrations of which no two share a mark; return the keys of their devices.

    The devices themselves spoke, as `alive` of `register_devices` means it.
    """
    by_app: dict[str, list[Registration]] = {}
    for app_id, wanted in arrivals:
        by_app.setdefault(app_id, []).append(wanted)
    # For all apps at once. Apps share the turns, so that whoever took them app by app would
    # take them in no order, and two could wait in a circle.
    lock_stripes_of_apps(connection, (mark for arrival in arrivals for mark in arrival.marks()))
    keys = {
        app_id: register_devices(connection, app_id, by_app[app_id], now, alive=True)
        for app_id in sorted(by_app)
    }
    return [keys[app_id][wanted.device_id] for app_id, wanted in arrivals]

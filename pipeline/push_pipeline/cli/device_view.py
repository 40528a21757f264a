"""Devices as tables for the terminal; pure."""

import json
from collections.abc import Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from push_pipeline.cli.output import printable
from push_pipeline.devices.views import DeviceView

#: Channels that a list names; `devices show` names all.
_CHANNELS_SHOWN = 5


def draw_list(devices: Sequence[DeviceView]) -> Table:
    """Return devices, one a row."""
    table = Table("device", "os", "user", "channels", "state", "token", "registered", box=None)
    for one in devices:
        system = " ".join(filter(None, (one["os"], one["osVersion"])))
        cells = (
            *(one["deviceId"], system, one["userId"] or "", _channels(one["channels"])),
            *(_state(one), one["token"], one["registeredAt"] or ""),
        )
        table.add_row(*map(_cell, cells))
    return table


def draw_one(device: DeviceView) -> Table:
    """Return a device, one field a row; what is not set is left out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in device.items():
        if value not in (None, "", []):
            table.add_row(name, _cell(_text(value)))
    return table


def out_of_service(device: DeviceView) -> str:
    """Say in a line who was put out of service, when and why."""
    since = device["stateSince"] or "at a time that was not noted"
    reason = device["stateReason"] or "no reason given"
    named = f"{device['deviceId']} ({device['os']})"
    return printable(f"{named}: {device['state']} {since}, {reason}")


def _cell(text: str) -> str:
    return escape(printable(text))


def _channels(names: Sequence[str]) -> str:
    more = len(names) - _CHANNELS_SHOWN
    return ", ".join((*names[:_CHANNELS_SHOWN], *([f"and {more} more"] if more > 0 else [])))


def _state(device: DeviceView) -> str:
    return " ".join(filter(None, (device["state"], device["stateReason"])))


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

"""The ids of devices that a message is for: a list of recipients, in which nobody is nobody."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from push_pipeline.errors import EmptyAudience, InvalidParameter

#: Both spellings of the option.
NAMES: Final = ("push_singlecast", "pushSinglecast")

#: Recipients that a message may name, devices or users. Each is kept in its row; more are a
#: channel or a segment.
RECIPIENTS_MAX: Final = 100_000


def read_device_ids(value: object) -> tuple[str, ...]:
    """Return device ids in their order, each once.

    Raises:
        EmptyAudience: there is none. Taken for "not set", it would mean everybody.
        InvalidParameter: one of them is blank or no text.
    """
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, Iterable) or isinstance(given, Mapping | bytes):
        raise InvalidParameter("pushSinglecast is a list of device ids")
    ids = list(given)
    if not all(isinstance(device_id, str) and device_id.strip() for device_id in ids):
        raise InvalidParameter("pushSinglecast has a device id that is empty or no text")
    if not ids:
        raise EmptyAudience("pushSinglecast names no device: without it everybody is meant")
    return bounded("pushSinglecast", tuple(dict.fromkeys(ids)))


def bounded(name: str, ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return a list of recipients that is not too long.

    Raises:
        InvalidParameter: it is.
    """
    if len(ids) > RECIPIENTS_MAX:
        raise InvalidParameter(f"{name} names at most {RECIPIENTS_MAX}: use a channel or a segment")
    return ids


def without_empty(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return options without a list of devices that is empty."""
    return {name: value for name, value in values.items() if name not in NAMES or value != []}

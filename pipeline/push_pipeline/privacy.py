"""What is held of a person, told and erased; and one device forgotten.

What is erased, and what stays:

- **Devices** go with their subscriptions. Their rows in the ledger stay, so that every count
  stays what it was: outcome, reason, time and the provider's id of the notification, by a number
  that nobody else gets and from which nothing leads to a device or to a person.
- **The user's properties** go, and with them the personal words: these are filled in when a push
  is sent, and are stored nowhere else.
- **Messages for that user alone**, or for devices of theirs alone, lose their text, headers,
  template values, segment and dedupe key; one that is not finished is cancelled. That they were
  sent, and how it ended, stays.
- **Where activities are reached** goes with the devices; an activity's id stays, as long as
  PIPELINE_RETENTION_DAYS after it was told of last.
- **What was done in the console** to their devices loses the device's id; that it was done stays.
- **Lists of several users or devices** keep their length: a pseudonym takes the name's place.
- **What names the person inside** a text for others, a segment or a dedupe key is not looked for.
  It goes with its message, PIPELINE_RETENTION_DAYS after that has ended. Backups, a provider's
  copies and the host application's own data are beyond this.

All of it may be done twice: after an interruption, do it again.
"""

from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict  # pydantic reads typing's only from Python 3.12 on

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.devices.activity_addresses import addresses_of
from push_pipeline.devices.inventory import devices_of_user
from push_pipeline.devices.owners import named_devices, remove_devices
from push_pipeline.devices.views import DeviceView
from push_pipeline.directory.apps import resolve_app
from push_pipeline.directory.audit import forget_in_deeds
from push_pipeline.directory.users import find_user, remove_user
from push_pipeline.errors import UnknownDevice
from push_pipeline.ledger.deliveries import deliveries_of
from push_pipeline.ledger.mentions import (
    Leaving,
    Names,
    find_mentions,
    forget_in_some,
    tell_messages,
)
from push_pipeline.options.user_ids import check_user_id

#: Messages that an export holds at most.
MESSAGES_MAX = 10_000


class UserExport(TypedDict):
    """All that is held of a user, as far as it can be found at a bounded cost.

    `messages` are those addressed to the user or to devices of theirs, ten thousand at most;
    `deliveries` what became of these, and of whatever reached their devices in the newest
    thousand runs; `activities` where Live Activities are on their devices, or may be
    started. Tokens are shown by their end, and other recipients are not told.
    """

    userId: str
    properties: dict[str, Any] | None
    devices: list[DeviceView]
    messages: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]
    activities: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased: `blanked` messages lost their words, `renamed` ones the name in a list."""

    properties: bool
    devices: int
    blanked: int
    renamed: int


def forget_device(device_id: str, *, app: str | None = None) -> Erasure:
    """Remove a device and its id: the registration, and its name in messages to listed devices.

    Its rows in the ledger stay without it, so that counts are what they were; a text that was
    for this device alone stays as well. What stays is said at the head of this module.

    Raises:
        UnknownDevice: nothing is known by this id.
    """
    with db.reading() as connection:
        app_id = resolve_app(connection, app)
        found = named_devices(connection, app_id, device_id=device_id)
    names = frozenset({device_id}).union(*(one.names for one in found))
    _, renamed = _forget_names(Leaving(app_id, frozenset(), names, blank=False))
    with db.writing() as connection:
        forget_in_deeds(connection, app_id, names)
        removed = remove_devices(connection, app_id, [device_id])
    if not removed and not renamed:
        raise UnknownDevice(f"no device has the id {device_id!r}")
    return Erasure(False, removed, 0, renamed)


def export_user(user_id: str, *, app: str | None = None) -> UserExport:
    """Return all that is held of a user. Of somebody unknown that is nothing, and no error.

    Raises:
        MissingParameter, InvalidParameter: no user can have this id.
    """
    check_user_id(user_id)
    with db.reading() as connection:
        app_id = resolve_app(connection, app)
        devices = named_devices(connection, app_id, user_id=user_id)
        named = frozenset[str]().union(*(one.names for one in devices))
        found = find_mentions(connection, app_id, Names.USERS, [user_id], MESSAGES_MAX)
        found += find_mentions(connection, app_id, Names.DEVICES, named, MESSAGES_MAX)
        ids = list(dict.fromkeys(found))[:MESSAGES_MAX]
        properties = find_user(connection, app_id, user_id)
        return UserExport(
            userId=user_id,
            properties=None if properties is None else dict(properties),
            devices=devices_of_user(connection, app_id, user_id),
            messages=tell_messages(connection, ids),
            deliveries=deliveries_of(connection, app_id, [one.key for one in devices], ids),
            activities=addresses_of(connection, [one.key for one in devices]),
        )


def erase_user(user_id: str, *, app: str | None = None) -> Erasure:
    """Erase all that is held of a user; what that is, and what stays, is said above.

    Their devices are removed: a phone that registers again afterwards is a new one. Of somebody
    unknown nothing is erased, and it is no error.

    Raises:
        MissingParameter, InvalidParameter: no user can have this id.
    """
    check_user_id(user_id)
    with db.reading() as connection:
        app_id = resolve_app(connection, app)
        devices = named_devices(connection, app_id, user_id=user_id)
    names = frozenset[str]().union(*(one.names for one in devices))
    # The messages first: without the devices their names could not be found any more.
    blanked, renamed = _forget_names(Leaving(app_id, frozenset({user_id}), names, blank=True))
    with db.writing() as connection:
        forget_in_deeds(connection, app_id, names)
        removed = remove_devices(connection, app_id, [one.device_id for one in devices])
        known = remove_user(connection, app_id, user_id)
    return Erasure(known, removed, blanked, renamed)


def _forget_names(leaving: Leaving) -> tuple[int, int]:
    """Take names out of all messages, some at a transaction; count those blanked and renamed."""
    changed: list[bool] = []
    for names in Names:
        while some := _forget_in_some(leaving, names):
            changed += some
    return changed.count(True), changed.count(False)


def _forget_in_some(leaving: Leaving, names: Names) -> list[bool]:
    with db.writing() as connection:
        return forget_in_some(connection, leaving, names, now_ms())

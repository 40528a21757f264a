"""Users: what the host application tells of them, for personal words and segments."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, and_, bindparam, delete, select

from push_pipeline import db
from push_pipeline.models import DEVICE, USER, Device, User
from push_pipeline.options.properties import check_properties
from push_pipeline.options.user_ids import check_user_id

Properties = Mapping[str, Any]

_OF_DEVICES = (
    select(DEVICE.id, USER.user_id, USER.properties)
    .join_from(Device, User, and_(USER.app_id == DEVICE.app_id, USER.user_id == DEVICE.user_id))
    .where(db.any_of(DEVICE.id, bindparam("keys", type_=db.List(BigInteger))))
)


def put_user(
    connection: Connection, app_id: str, user_id: str, properties: Properties, now: int
) -> None:
    """Store a user's properties in place of what was stored before; twice is as good as once.

    Raises:
        MissingParameter, InvalidParameter: the id is empty or too long, the properties are no
            JSON object or too large; nothing was written.
    """
    put_users(connection, app_id, {user_id: properties}, now)


def put_users(
    connection: Connection, app_id: str, users: Mapping[str, Properties], now: int
) -> None:
    """Store the properties of many users by id; see `put_user`."""
    rows = [
        {
            "app_id": app_id,
            "user_id": check_user_id(user_id),
            "properties": check_properties("a user's properties", properties),
            "updated_at": now,
        }
        for user_id, properties in sorted(users.items())  # in one order, so that two never deadlock
    ]
    if not rows:
        return
    statement = db.insert_into(connection, User)
    renewed = {name: statement.excluded[name] for name in ("properties", "updated_at")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["app_id", "user_id"], set_=renewed), rows
    )


def find_user(connection: Connection, app_id: str, user_id: str) -> Properties | None:
    """Return a user's properties, or None where nothing was told of them."""
    of_user = (USER.app_id == app_id, USER.user_id == user_id)
    found: Properties | None = connection.execute(select(USER.properties).where(*of_user)).scalar()
    return found


def remove_user(connection: Connection, app_id: str, user_id: str) -> bool:
    """Delete a user's properties; False where there are none. Devices keep their link."""
    of_user = (USER.app_id == app_id, USER.user_id == user_id)
    return bool(connection.execute(delete(User).where(*of_user)).rowcount)


def users_of_devices(
    connection: Connection, keys: Sequence[int]
) -> dict[int, tuple[str, dict[str, Any]]]:
    """Return (user id, properties) of the users that devices are linked to, by device key.

    One query, however many devices. A device without a user, or whose user is not known, is
    left out.
    """
    # All rows in one call: row by row costs as much as the query.
    rows = connection.execute(_OF_DEVICES, {"keys": keys}).all()
    return {key: (user_id, properties) for key, user_id, properties in rows if key is not None}

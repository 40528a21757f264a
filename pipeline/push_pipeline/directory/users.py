"""Users: what the host application tells of them, for personal words and segments."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Text, bindparam, cast, delete, select

from push_pipeline import db
from push_pipeline.models import DEVICE, USER, Device, User
from push_pipeline.options.properties import check_properties
from push_pipeline.options.user_ids import check_user_id
from push_pipeline.ready import Ready
from push_pipeline.whereclause.expressions import Path, json_of, property_json

Properties = Mapping[str, Any]

#: The column of a user that is no property.
ID_COLUMN: Final = "objectId"

#: Columns that one query asks for: SQLite's expressions are not as deep as a text may be long.
_AT_ONCE: Final = 16


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


def columns_of_users(
    connection: Connection, keys: Sequence[int], columns: Sequence[str]
) -> list[dict[int, Any]]:
    """Return for each column what the users have in it that devices are linked to, by device key.

    A column is a user's id or a property, `home.city` one within another; None where a user
    does not have it. A device without a user, or whose user is not known, is left out. One
    query and one row for all of them, and nothing of the users' other properties.
    """
    found: list[dict[int, Any]] = []
    for at in range(0, len(columns), _AT_ONCE):
        some = columns[at : at + _AT_ONCE]
        paths = {f"path_{n}": column.split(".") for n, column in enumerate(some)}
        chosen = _reading(tuple(column == ID_COLUMN for column in some))
        ((text,),) = chosen.rows(connection, {"keys": keys, **paths})
        values = json.loads(f"[{text or ''}]")  # orjson would round numbers beyond 64 bits
        width = 1 + len(some)
        of = values[::width]
        found += [dict(zip(of, values[n::width], strict=True)) for n in range(1, width)]
    return found


@cache
def _reading(are_ids: tuple[bool, ...]) -> Ready:
    """Return the query for so many columns, of which one may be the user's id."""
    columns = [
        json_of(USER.user_id)
        if is_id
        else property_json(USER.properties, bindparam(f"path_{n}", type_=Path()))
        for n, is_id in enumerate(are_ids)
    ]
    # A user is looked up for each device. A planner that joins them reads the whole table of users
    # beside some thousand devices.
    theirs = (
        select(db.beside(*columns))
        .where(USER.app_id == DEVICE.app_id, USER.user_id == DEVICE.user_id)
        .correlate(Device)
        .scalar_subquery()
    )
    return Ready(
        select(db.lines_of(db.beside(cast(DEVICE.id, Text), theirs))).where(
            db.any_of(DEVICE.id, bindparam("keys", type_=db.List(BigInteger)))
        )
    )

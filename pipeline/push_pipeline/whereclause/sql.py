"""A condition → a SQL expression about a device; every value of it is bound."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Text, and_, cast, not_, or_, select

from push_pipeline.models import DEVICE, USER, Device, Table, User
from push_pipeline.whereclause.columns import Column, Kind
from push_pipeline.whereclause.conditions import (
    All,
    AnyOf,
    Condition,
    IsNull,
    Like,
    OneOf,
    Ordered,
    columns_of,
    depth,
)
from push_pipeline.whereclause.operands import Operand

Expression = ColumnElement[Any]

#: A registration of the device, beside the one through which the audience found it.
_REGISTRATION = Table.metadata.tables["pipeline_subscription"].alias("registration")
_ITS_CHANNEL = Table.metadata.tables["pipeline_channel"].alias("its_channel")

_TEXTS: Final[dict[str, Expression]] = {
    "objectId": cast(DEVICE.id, Text),
    "deviceId": DEVICE.device_id,
    "deviceToken": DEVICE.token,
    "os": DEVICE.platform,
    "osVersion": DEVICE.os_version,
    "channelName": _ITS_CHANNEL.c.name,
    "ownerId": DEVICE.user_id,
    "locale": DEVICE.locale,
    "user.objectId": USER.user_id,
}
_MOMENTS: Final[dict[str, Expression]] = {
    "expiration": DEVICE.expires_at,
    "created": DEVICE.created_at,
    "updated": DEVICE.registered_at,
}
_DOCUMENTS: Final[dict[str, Expression]] = {
    "user": USER.properties,
    "properties": DEVICE.properties,
}


def needs_user(condition: Condition) -> bool:
    """Tell whether a query with this condition must join the device's user."""
    return any(column.name.partition(".")[0] == "user" for column in columns_of(condition))


def matches(condition: Condition) -> Expression:
    """Return the expression that a device matches a condition.

    It speaks of `device` and, where `needs_user`, of `app_user`. Where the condition asks for
    the channel, it is asked of each of the device's registrations, and one that matches is
    enough.
    """
    asked = _expression(condition)
    if all(column.name != "channelName" for column in columns_of(condition)):
        return asked
    statement = (
        select(_REGISTRATION.c.device_key)
        .join(_ITS_CHANNEL, _ITS_CHANNEL.c.id == _REGISTRATION.c.channel_key)
        .where(_REGISTRATION.c.device_key == DEVICE.id, asked)
    )
    return statement.correlate(Device, User).exists()


def _expression(condition: Condition) -> Expression:
    match condition:
        case All(parts):
            return and_(*map(_expression, _deepest_first(parts)))
        case AnyOf(parts):
            return or_(*map(_expression, _deepest_first(parts)))
        case Ordered(column, operator, value):
            return _operand(column).ordered(operator, value)
        case OneOf(column, values, negated):
            return _maybe_not(_operand(column).one_of(values), negated=negated)
        case Like(column, pattern, negated):
            return _maybe_not(_operand(column).like(pattern), negated=negated)
        case IsNull(column, negated):
            return _maybe_not(_operand(column).is_null, negated=negated)


def _deepest_first(parts: tuple[Condition, ...]) -> list[Condition]:
    # SQLite's parser has room for a hundred open pieces. Nested on the left, a level opens one
    # piece; nested on the right, three.
    return sorted(parts, key=depth, reverse=True)


def _maybe_not(expression: Expression, *, negated: bool) -> Expression:
    return not_(expression) if negated else expression


def _operand(column: Column) -> Operand:
    match column.kind:
        case Kind.TEXT:
            return Operand.of_text(_TEXTS[column.name])
        case Kind.MOMENT:
            return Operand.of_moment(_MOMENTS[column.name])
        case Kind.PROPERTY:
            return Operand.of_property(_DOCUMENTS[column.name], column.path)

"""Channels have their names in one form (NFC); two that only looked alike become one."""

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_CHANNEL = sa.table("pipeline_channel", sa.column("id"), sa.column("app_id"), sa.column("name"))
_MESSAGE = sa.table("pipeline_message", sa.column("app_id"), sa.column("channel"))
_TEMPLATE = sa.table(
    "pipeline_template",
    sa.column("id"),
    sa.column("body", sa.JSON().with_variant(JSONB(), "postgresql")),
)

#: Those of the other channel that the one does not have yet.
_MOVE = sa.text(
    "INSERT INTO pipeline_subscription (channel_key, device_key)"
    " SELECT :kept, device_key FROM pipeline_subscription AS old WHERE channel_key = :gone"
    " AND NOT EXISTS (SELECT 1 FROM pipeline_subscription AS there"
    " WHERE there.channel_key = :kept AND there.device_key = old.device_key)"
)
_LEAVE = sa.text("DELETE FROM pipeline_subscription WHERE channel_key = :gone")


class _Renamed(NamedTuple):
    key: int
    app_id: str
    old: str
    new: str


def upgrade() -> None:
    connection = op.get_bind()
    for one in list(_not_normal(connection)):
        _rename(connection, one)
        theirs = _MESSAGE.c.app_id == one.app_id, _MESSAGE.c.channel == one.old
        connection.execute(sa.update(_MESSAGE).where(*theirs).values(channel=one.new))
    for key, body in connection.execute(sa.select(_TEMPLATE.c.id, _TEMPLATE.c.body)).all():
        name = body.get("channelName") or ""
        if _normal(name) != name:
            changed = sa.update(_TEMPLATE).where(_TEMPLATE.c.id == key)
            connection.execute(changed.values(body={**body, "channelName": _normal(name)}))


def downgrade() -> None:
    """Nothing: no release needs a name in another form."""


def _not_normal(connection: sa.Connection) -> Iterator[_Renamed]:
    for key, app_id, name in connection.execute(sa.select(_CHANNEL)):
        if _normal(name) != name:
            yield _Renamed(key, app_id, name, _normal(name))


def _rename(connection: sa.Connection, one: _Renamed) -> None:
    named = _CHANNEL.c.app_id == one.app_id, _CHANNEL.c.name == one.new
    kept = connection.execute(sa.select(_CHANNEL.c.id).where(*named)).scalar_one_or_none()
    mine = _CHANNEL.c.id == one.key
    if kept is None:
        connection.execute(sa.update(_CHANNEL).where(mine).values(name=one.new))
        return
    connection.execute(_MOVE, {"kept": kept, "gone": one.key})
    connection.execute(_LEAVE, {"gone": one.key})
    connection.execute(sa.delete(_CHANNEL).where(mine))


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)

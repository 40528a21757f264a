"""The messages of one channel: listed, counted, and kept with it when it is renamed.

A message knows its channel by name. One that was for all channels belongs to none.
"""

from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, update

from push_pipeline.errors import OperationDenied
from push_pipeline.models import BATCH, MESSAGE, RUN, Batch, Message, Run
from push_pipeline.options import DeliveryOptions

#: Devices that the provider took the message for, over all runs; the ledger's `accepted`.
_SENT_TO = (
    select(func.coalesce(func.sum(BATCH.accepted), 0))
    .select_from(Batch)
    .join(Run, RUN.id == BATCH.run_id)
    .where(RUN.message_id == MESSAGE.id)
    .correlate(Message)
    .scalar_subquery()
)


def list_messages(
    connection: Connection, app_id: str, channel: str, *, limit: int, offset: int
) -> list[dict[str, Any]]:
    """List the messages of a channel, the newest first.

    `timestamp` is when it was published (epoch milliseconds). `sentTo` is how many devices the
    provider has accepted it for until now, each run of a repeat counted. `isBroadcast` says
    that it names no devices. What retention has deleted is not there any more.
    """
    statement = (
        select(
            MESSAGE.id,
            MESSAGE.content,
            MESSAGE.delivery_options,
            MESSAGE.created_at,
            _SENT_TO.label("sent_to"),
        )
        .where(MESSAGE.app_id == app_id, MESSAGE.channel == channel)
        .order_by(MESSAGE.created_at.desc(), MESSAGE.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [_view(row) for row in connection.execute(statement).mappings()]


def count_messages(connection: Connection, app_id: str, channel: str) -> int:
    """Count what `list_messages` lists."""
    statement = select(func.count()).select_from(Message)
    statement = statement.where(MESSAGE.app_id == app_id, MESSAGE.channel == channel)
    return connection.execute(statement).scalar_one()


def keep_with_channel(connection: Connection, app_id: str, old: str, new: str) -> None:
    """Let the messages of a channel follow its new name, in the transaction that renames it.

    Raises:
        OperationDenied: one of them is not finished. A fan-out finds its devices by the name of
            the channel, page after page: renamed under it, it would find no more of them.
    """
    of_channel = (MESSAGE.app_id == app_id, MESSAGE.channel == old)
    unfinished = select(MESSAGE.id).where(*of_channel, MESSAGE.ended_at.is_(None)).limit(1)
    if connection.execute(unfinished).first() is not None:
        raise OperationDenied("the channel has messages that are not finished: cancel them or wait")
    connection.execute(update(Message).where(*of_channel).values(channel=new))


def _view(row: RowMapping) -> dict[str, Any]:
    content, options = row["content"], DeliveryOptions.from_json(row["delivery_options"])
    return {
        "messageId": row["id"],
        "message": content.get("message"),
        "publisherId": content.get("publisherId"),
        "isPush": options.pushes,
        "isBroadcast": not options.device_ids,
        "sentTo": int(row["sent_to"]),
        "subtopic": content.get("subtopic"),
        "timestamp": row["created_at"],
    }

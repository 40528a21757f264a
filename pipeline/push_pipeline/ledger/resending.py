"""Messages that are sent again to devices without an answer: to whom, and as which message.

A device of a message is sent to again once: what ended before the last resend is that one's.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, func, insert, select

from push_pipeline.ledger.batches import insert_batches
from push_pipeline.ledger.state_machine import MessageState, RunState
from push_pipeline.ledger.values import NewBatch
from push_pipeline.models import DELIVERY, DEVICE, MESSAGE, RUN, Delivery, Device, Message, Run
from push_pipeline.options import DeliveryOptions
from push_pipeline.outcome import Settled

#: In a message's content: what its copies are folded with on a device, of the message before.
COLLAPSES_AS: Final = "collapsesAs"


class Original(NamedTuple):
    """A message that is sent again, and the number of its last run that has ended."""

    id: str
    app_id: str
    channel: str
    content: dict[str, Any]
    delivery_options: DeliveryOptions
    n: int


class Unanswered(NamedTuple):
    """A device that is there, and whose delivery ended without an answer."""

    key: int
    platform: str
    environment: str
    kind: str


def collapse_id(message_id: str, n: int) -> str:
    """Return what copies of a run are folded by on a device."""
    return f"{message_id.removeprefix('message:')}.{n}"


def lock_original(connection: Connection, app_id: str, message_id: str) -> Original | None:
    """Read a message for sending it again; whoever does so too waits. None: there is none."""
    row = connection.execute(
        select(
            MESSAGE.id, MESSAGE.app_id, MESSAGE.channel, MESSAGE.content, MESSAGE.delivery_options
        )
        .where(MESSAGE.id == message_id, MESSAGE.app_id == app_id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        return None
    ended = select(func.max(RUN.n)).where(
        RUN.message_id == message_id, RUN.finished_at.is_not(None)
    )
    n = connection.execute(ended).scalar_one() or 1
    options = DeliveryOptions.from_json(row.delivery_options)
    return Original(row.id, row.app_id, row.channel, row.content, options, n)


def is_known(connection: Connection, app_id: str, message_id: str) -> bool:
    """Tell whether an app has a message."""
    found = select(MESSAGE.id).where(MESSAGE.id == message_id, MESSAGE.app_id == app_id)
    return connection.execute(found).first() is not None


def find_unanswered(connection: Connection, message_id: str, now: int) -> list[Unanswered]:
    """Find the devices that a message is sent to again, in the order of their keys."""
    columns = (DEVICE.id, DEVICE.platform, DEVICE.environment, DEVICE.kind)
    statement = _unanswered(select(*columns), message_id, now).order_by(DEVICE.id)
    return [Unanswered._make(row) for row in connection.execute(statement)]


def count_unanswered(connection: Connection, message_id: str, now: int) -> int:
    """Count the devices that a message would be sent to again."""
    counted = _unanswered(select(func.count()), message_id, now)
    return int(connection.execute(counted).scalar_one())


def _unanswered(selected: Select[Any], message_id: str, now: int) -> Select[Any]:
    last = select(func.max(MESSAGE.created_at)).where(MESSAGE.resend_of == message_id)
    ended = (
        select(DELIVERY.device_key)
        .select_from(Delivery)
        .join(Run, RUN.id == DELIVERY.run_id)
        .join(Message, MESSAGE.id == RUN.message_id)
        .where(
            RUN.message_id == message_id,
            MESSAGE.state != MessageState.CANCELLED,
            RUN.finished_at > func.coalesce(last.scalar_subquery(), 0),
            DELIVERY.outcome == Settled.UNKNOWN,
        )
    )
    return selected.select_from(Device).where(
        DEVICE.id.in_(ended),
        DEVICE.state == "active",
        DEVICE.expires_at.is_(None) | (DEVICE.expires_at > now),
    )


def find_resent(connection: Connection, message_id: str) -> list[str]:
    """Find the messages that send one again, the oldest first."""
    statement = select(MESSAGE.id).where(MESSAGE.resend_of == message_id)
    return list(map(str, connection.scalars(statement.order_by(MESSAGE.created_at))))


def insert_resend(
    connection: Connection, new_id: str, original: Original, run: dict[str, Any], now: int
) -> int:
    """Write a message that sends another again, with its one run; return the run's key.

    The run has no fan-out: whoever reads the message as one for its channel would send it to all.
    """
    content = original.content
    collapses_as = content.get(COLLAPSES_AS) or collapse_id(original.id, original.n)
    once = {"publish_at": None, "publish_at_local": None, "repeat_every": 0}
    options = original.delivery_options.model_copy(update={**once, "repeat_expires_at": None})
    connection.execute(
        insert(Message).values(
            id=new_id,
            app_id=original.app_id,
            channel=original.channel,
            content={**content, COLLAPSES_AS: collapses_as},
            delivery_options=options.to_json(),
            resend_of=original.id,
            state=MessageState.SCHEDULED,
            created_at=now,
        )
    )
    statement = insert(Run).values(
        message_id=new_id,
        app_id=original.app_id,
        n=1,
        due_at=now,
        state=RunState.SENDING,
        guarded=True,
        started_at=now,
        fanned_at=now,
        **run,
    )
    key: int = connection.execute(statement.returning(RUN.id)).scalar_one()
    return key


def insert_resent(connection: Connection, batches: Sequence[NewBatch]) -> None:
    """Write the batches of a message that is sent again; the next tick wakes them."""
    insert_batches(connection, batches, woken_at=None)

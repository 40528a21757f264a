"""Large audiences: tokens of both platforms, registered in bulk, and what became of them."""

import uuid
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import insert, literal, select

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.devices.upsert import ensure_channels
from push_pipeline.ledger.batches import unpack
from push_pipeline.ledger.deliveries import read_ended
from push_pipeline.ledger.values import Ended
from push_pipeline.models import BATCH, DEVICE, MESSAGE, RUN, Device, Run, Subscription


def ios(count: int, prefix: str = "1") -> list[str]:
    """Make APNs tokens; see push_workers/simulator/magic.py for prefixes with a meaning."""
    return [prefix + f"{index:0{64 - len(prefix)}x}" for index in range(count)]


def android(count: int, prefix: str = "q") -> list[str]:
    """Make FCM tokens."""
    return [f"{prefix}{index:021d}:APA91b{'z' * 134}" for index in range(count)]


def subscribe(app_id: str, tokens: Sequence[str], os_name: str, channel: str) -> None:
    """Register devices as rows, past the registration's checks: a hundred thousand in seconds."""
    now = now_ms()
    common = {
        "app_id": app_id,
        "platform": os_name,
        "kind": "token" if os_name == "ANDROID" else "apns",
        "environment": "",
        "state": "active",
        "created_at": now,
        "registered_at": now,
    }
    rows = [common | {"device_id": str(uuid.uuid4()), "token": token} for token in tokens]
    with db.writing() as connection:
        key = ensure_channels(connection, app_id, [channel], now)[channel]
        connection.execute(insert(Device), rows)
        joined = select(literal(key), DEVICE.id).where(
            DEVICE.app_id == app_id, DEVICE.platform == os_name, DEVICE.created_at == now
        )
        columns = ["channel_key", "device_key"]
        connection.execute(insert(Subscription).from_select(columns, joined))


def settled_tokens(message_id: str, outcome: str) -> set[str]:
    """Return the tokens of those devices that a message's ledger settled so."""
    with db.reading() as connection:
        keys = {one.device_key for one in read_ended(connection, message_id, outcome)}
        tokens = connection.execute(select(DEVICE.id, DEVICE.token))
        return {token for key, token in tokens if key in keys}


def everything_that_ended() -> list[Ended]:
    """Return how each device of each message ended."""
    with db.reading() as connection:
        ids = connection.scalars(select(MESSAGE.id)).all()
        return [one for message_id in ids for one in read_ended(connection, str(message_id))]


def batch_members(message_id: str) -> Counter[int]:
    """Count in how many first batches of a message each device stands."""
    statement = (
        select(BATCH.members)
        .join(Run, RUN.id == BATCH.run_id)
        .where(RUN.message_id == message_id, BATCH.attempt == 1, BATCH.doubtful.is_(False))
    )
    with db.reading() as connection:
        return Counter(key for packed in connection.scalars(statement) for key in unpack(packed))

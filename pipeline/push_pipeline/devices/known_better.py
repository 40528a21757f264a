"""Which devices of another service's list have said more here than that list can know."""

from collections.abc import Sequence

from sqlalchemy import Connection, or_, select

from push_pipeline.db import any_of
from push_pipeline.devices.registration import Registration
from push_pipeline.models import DEVICE


def known_better(
    connection: Connection,
    app_id: str,
    arrivals: Sequence[tuple[Registration, int | None]],
    before: int,
) -> set[str]:
    """Return the tokens of arrivals of which the device, or the token, has said more here.

    That is where it registered here at a moment that is not earlier than the list's own (the
    second of a pair; None where it has none) and lies before `before`, when the import began: of
    its own lines the last one counts. It may have another user by now, or another token.
    """
    ids = [one.device_id for one, _ in arrivals]
    tokens = [one.token for one, _ in arrivals]
    statement = select(DEVICE.device_id, DEVICE.token, DEVICE.registered_at).where(
        DEVICE.app_id == app_id,
        DEVICE.registered_at < before,
        or_(any_of(DEVICE.device_id, ids), any_of(DEVICE.token, tokens)),
    )
    here = connection.execute(statement).all()
    by_name = {row.device_id: row for row in here} | {row.token: row for row in here}
    return {
        one.token
        for one, seen_at in arrivals
        for row in (by_name.get(one.device_id), by_name.get(one.token))
        if row is not None and (seen_at is None or seen_at <= row.registered_at)
    }

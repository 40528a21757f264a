"""A credential takes the place of another: the batches that wait for its route are due at once."""

from sqlalchemy import Connection, select, update

from push_pipeline.directory.provider_routes import put_credential
from push_pipeline.ledger.batches import ROUTE_OF_BATCH
from push_pipeline.models import BATCH, CREDENTIAL, RUN, Batch, Credential, Run


def change_credential(
    connection: Connection, app_id: str, provider: str, environment: str, sealed: bytes, now: int
) -> None:
    """Store a sealed credential in place of the one before it, and open its route.

    Batches that were parked until the old one's next probe are woken by the next tick. One that
    waits longer than the route would have rested waits for something else, and stays.
    """
    route = (
        CREDENTIAL.app_id == app_id,
        CREDENTIAL.provider == provider,
        CREDENTIAL.environment == environment,
    )
    parked = (
        select(BATCH.id)
        .join(Run, RUN.id == BATCH.run_id)
        .join(Credential, ROUTE_OF_BATCH)
        .where(
            *route,
            BATCH.finished_at.is_(None),
            BATCH.not_before > now,
            BATCH.not_before <= CREDENTIAL.paused_until,
        )
    )
    # Before the credential changes: it still says how long its route would have rested.
    connection.execute(
        update(Batch).where(BATCH.id.in_(parked)).values(not_before=now, woken_at=None)
    )
    put_credential(connection, app_id, provider, environment, sealed, now)

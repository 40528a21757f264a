"""A credential takes the place of another: the batches that wait for its route are due at once."""

from sqlalchemy import Connection

from push_pipeline.directory.provider_routes import put_credential
from push_pipeline.ledger.due_batches import make_parked_due
from push_pipeline.platform import VENDORS


def change_credential(
    connection: Connection, app_id: str, provider: str, environment: str, sealed: bytes, now: int
) -> None:
    """Store a sealed credential in place of the one before it, and open its route.

    Batches that were parked until the old one's next probe are woken by the next tick.
    """
    # Before the credential changes: it still says how long its route would have rested.
    make_parked_due(connection, app_id, provider, environment, now)
    put_credential(connection, app_id, provider, environment, sealed, now)


def change_push_key(connection: Connection, app_id: str, sealed: bytes, now: int) -> None:
    """Store the key that an app shows to browsers' push services: a route for each vendor."""
    for vendor in VENDORS:
        change_credential(connection, app_id, "webpush", vendor, sealed, now)

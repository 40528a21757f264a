"""Routes: an app's sealed credentials, and whether anybody may send through them now."""

from sqlalchemy import Connection, case, or_, select, update

from push_pipeline import db
from push_pipeline.models import CREDENTIAL, Credential


def put_credential(
    connection: Connection, app_id: str, provider: str, environment: str, sealed: bytes, now: int
) -> None:
    """Store a sealed credential, in place of the one before it.

    Workers notice the new version at their next batch; a hold on the old one is lifted.
    """
    statement = db.insert_into(connection, Credential).values(
        app_id=app_id,
        provider=provider,
        environment=environment,
        sealed=sealed,
        version=1,
        updated_at=now,
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["app_id", "provider", "environment"],
            set_={
                "sealed": statement.excluded.sealed,
                "version": CREDENTIAL.version + 1,
                "paused_until": None,
                "held_reason": None,
                "updated_at": now,
            },
        )
    )


def find_sealed(connection: Connection, credential_id: int) -> bytes | None:
    """Read a sealed credential."""
    return connection.execute(
        select(CREDENTIAL.sealed).where(CREDENTIAL.id == credential_id)
    ).scalar_one_or_none()


def find_credential(
    connection: Connection, app_id: str, provider: str, environment: str
) -> bytes | None:
    """Read the sealed credential of an app for a provider and environment."""
    return connection.execute(
        select(CREDENTIAL.sealed).where(
            CREDENTIAL.app_id == app_id,
            CREDENTIAL.provider == provider,
            CREDENTIAL.environment == environment,
        )
    ).scalar_one_or_none()


def list_routes(connection: Connection, app_id: str | None = None) -> list[dict[str, object]]:
    """List the routes, with what keeps them closed, if anything does."""
    columns = (
        CREDENTIAL.app_id,
        CREDENTIAL.provider,
        CREDENTIAL.environment,
        CREDENTIAL.version,
        CREDENTIAL.paused_until,
        CREDENTIAL.held_reason,
    )
    statement = select(*columns).order_by(CREDENTIAL.app_id, CREDENTIAL.provider)
    if app_id is not None:
        statement = statement.where(CREDENTIAL.app_id == app_id)
    return [dict(row) for row in connection.execute(statement).mappings()]


def apple_environments(connection: Connection, app_id: str) -> list[str]:
    """Return the APNs environments that an app has credentials for, production first."""
    statement = select(CREDENTIAL.environment).where(
        CREDENTIAL.app_id == app_id, CREDENTIAL.provider == "apns"
    )
    return sorted(connection.scalars(statement))


def pause_route(connection: Connection, credential_id: int, until: int, held: str | None) -> None:
    """Close a route for everybody until a time; `held` says that the credential is refused.

    A pause is never shortened by another worker's shorter one.
    """
    longer = or_(CREDENTIAL.paused_until.is_(None), CREDENTIAL.paused_until < until)
    values: dict[str, object] = {
        "paused_until": case((longer, until), else_=CREDENTIAL.paused_until)
    }
    if held is not None:
        values["held_reason"] = held
    connection.execute(update(Credential).where(CREDENTIAL.id == credential_id).values(**values))


def open_route(connection: Connection, credential_id: int) -> None:
    """Lift a hold: the provider has taken a notification again."""
    connection.execute(
        update(Credential)
        .where(CREDENTIAL.id == credential_id, CREDENTIAL.held_reason.is_not(None))
        .values(paused_until=None, held_reason=None)
    )

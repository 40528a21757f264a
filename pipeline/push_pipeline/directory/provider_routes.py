"""Routes: an app's sealed credentials, and whether anybody may send through them now."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, case, func, or_, select, update

from push_pipeline import db
from push_pipeline.models import CREDENTIAL, Credential
from push_pipeline.outcome import Recent, RestCause, why_it_rests
from push_pipeline.ready import Ready

#: A route that is open, whatever had closed it.
_OPEN: dict[str, Any] = {
    "paused_until": None,
    "held_reason": None,
    "rest_cause": None,
    "rest_reason": None,
    "troubled_since": None,
    "misrouted_lately": 0,
    "dead_lately": 0,
    "troubled_lately": 0,
}

#: What is known of a credential through which nothing was sent yet.
_UNTRIED: dict[str, Any] = {
    **_OPEN,
    "answered_at": None,
    "accepted_at": None,
    "counted_at": None,
    "accepted_lately": 0,
}


def put_credential(
    connection: Connection, app_id: str, provider: str, environment: str, sealed: bytes, now: int
) -> None:
    """Store a sealed credential, in place of the one before it.

    Workers notice the new version at their next batch; what held the old one is forgotten.
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
                **_UNTRIED,
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


def find_push_key(connection: Connection, app_id: str) -> bytes | None:
    """Read the sealed key that an app shows to all push services of browsers."""
    of_app = CREDENTIAL.app_id == app_id, CREDENTIAL.provider == "webpush"
    return connection.scalars(select(CREDENTIAL.sealed).where(*of_app).limit(1)).first()


def list_routes(connection: Connection, app_id: str | None = None) -> list[dict[str, Any]]:
    """List the routes, with what keeps them closed, if anything does."""
    columns = (
        CREDENTIAL.id,
        CREDENTIAL.app_id,
        CREDENTIAL.provider,
        CREDENTIAL.environment,
        CREDENTIAL.version,
        CREDENTIAL.paused_until,
        CREDENTIAL.held_reason,
        CREDENTIAL.rest_cause,
        CREDENTIAL.rest_reason,
        CREDENTIAL.troubled_since,
        CREDENTIAL.accepted_at,
    )
    statement = select(*columns).order_by(
        CREDENTIAL.app_id, CREDENTIAL.provider, CREDENTIAL.environment
    )
    if app_id is not None:
        statement = statement.where(CREDENTIAL.app_id == app_id)
    return [dict(row) for row in connection.execute(statement).mappings()]


def why_closed(route: Mapping[str, Any]) -> str | None:
    """Say what keeps one of `list_routes` closed; None where nothing does."""
    if route["troubled_since"] is None and not route["held_reason"]:
        return None
    return why_it_rests(route["rest_cause"], route["rest_reason"] or route["held_reason"])


def apple_versions(connection: Connection) -> list[tuple[str, int, int]]:
    """List Apple's credentials of all apps: environment, key and version, without the secret."""
    statement = select(CREDENTIAL.environment, CREDENTIAL.id, CREDENTIAL.version)
    rows = connection.execute(statement.where(CREDENTIAL.provider == "apns"))
    return [(environment, key, version) for environment, key, version in rows if key is not None]


_APPLE_ENVIRONMENTS = select(CREDENTIAL.environment).where(
    CREDENTIAL.app_id == bindparam("app"), CREDENTIAL.provider == "apns"
)


def apple_environments(connection: Connection, app_id: str) -> list[str]:
    """Return the APNs environments that an app has credentials for, production first."""
    return sorted(connection.scalars(_APPLE_ENVIRONMENTS, {"app": app_id}))


def pause_route(
    connection: Connection,
    credential_id: int,
    now: int,
    until: int,
    why: tuple[RestCause, str | None],
) -> None:
    """Close a route for everybody until a time, and say why.

    A pause is never shortened by another worker's shorter one, and its cause stays with it.
    """
    cause, reason = why
    longer = or_(CREDENTIAL.paused_until.is_(None), CREDENTIAL.paused_until < until)
    values: dict[str, Any] = {
        "paused_until": case((longer, until), else_=CREDENTIAL.paused_until),
        "rest_cause": case((longer, cause.value), else_=CREDENTIAL.rest_cause),
        "rest_reason": case((longer, reason), else_=CREDENTIAL.rest_reason),
        "troubled_since": func.coalesce(CREDENTIAL.troubled_since, now),
    }
    if cause in (RestCause.REFUSED, RestCause.GUARD):
        values["held_reason"] = reason
    connection.execute(update(Credential).where(CREDENTIAL.id == credential_id).values(**values))


class Rest(NamedTuple):
    """Until when a route is closed (epoch milliseconds), and what holds it."""

    until: int | None
    held_reason: str | None


def find_rest(connection: Connection, credential_id: int) -> Rest:
    """Read whether a route is closed now; one that is gone is not."""
    rows = _REST.rows(connection, {"credential_id": credential_id})
    return Rest(*rows[0]) if rows else Rest(None, None)


_REST = Ready(
    select(CREDENTIAL.paused_until, CREDENTIAL.held_reason).where(
        CREDENTIAL.id == bindparam("credential_id")
    )
)


def begin_probe(
    connection: Connection, credential_id: int, seen_until: int | None, until: int
) -> bool:
    """Let one worker probe a route that was closed, and the others wait for its news until then.

    False where another worker has begun, or the route rests anew.
    """
    seen = (
        CREDENTIAL.paused_until.is_(None)
        if seen_until is None
        else CREDENTIAL.paused_until == seen_until
    )
    begun = connection.execute(
        update(Credential).where(CREDENTIAL.id == credential_id, seen).values(paused_until=until)
    )
    return begun.rowcount == 1


def open_route(connection: Connection, credential_id: int) -> None:
    """Open a route that was closed: the provider answers again."""
    connection.execute(update(Credential).where(CREDENTIAL.id == credential_id).values(**_OPEN))


def believe_refusals(connection: Connection, keys: Sequence[int], now: int) -> int:
    """Open routes that the guard holds, since an operator has looked at their credentials."""
    opened = connection.execute(
        update(Credential)
        .where(db.any_of(CREDENTIAL.id, keys), CREDENTIAL.rest_cause == RestCause.GUARD)
        .values(**_OPEN, accepted_at=func.coalesce(CREDENTIAL.accepted_at, now))
    )
    return opened.rowcount


_LATELY = tuple(f"{name}_lately" for name in Recent._fields)
_COUNTED = Ready(
    select(*(CREDENTIAL[name] for name in _LATELY), CREDENTIAL.counted_at)
    .where(CREDENTIAL.id == bindparam("credential_id"))
    .with_for_update()
)
_COUNT = Ready(
    update(Credential)
    .where(CREDENTIAL.id == bindparam("credential_id"))
    .values(
        **{name: bindparam(f"new_{name}") for name in _LATELY},
        accepted_at=func.coalesce(
            bindparam("new_accepted_at", type_=BigInteger), CREDENTIAL.accepted_at
        ),
        counted_at=bindparam("now"),
        answered_at=bindparam("now"),
    )
)


def add_recent(connection: Connection, credential_id: int, fresh: Recent, now: int) -> None:
    """Add what a provider answered to what is counted of it, of which older answers fade."""
    rows = _COUNTED.rows(connection, {"credential_id": credential_id})
    if not rows:
        return
    *counts, counted_at = rows[0]
    total = Recent(*counts).faded((now - (counted_at or now)) / 1000).plus(fresh)
    values: dict[str, Any] = {f"new_{name}": n for name, n in zip(_LATELY, total, strict=True)}
    values |= {"credential_id": credential_id, "now": now}
    _COUNT.count(connection, values | {"new_accepted_at": now if fresh.accepted else None})

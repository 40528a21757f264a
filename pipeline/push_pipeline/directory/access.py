"""Who may do what in an app: what a key grants, and the rules for those without one."""

import hmac
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, select

from push_pipeline import db
from push_pipeline.directory.apps import hash_key
from push_pipeline.models import API_KEY, APP, APP_ACCESS, ApiKey, AppAccess


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody may do in an app. No patterns means every channel, no rate no bound."""

    app_id: str
    scopes: frozenset[str]
    channel_patterns: tuple[str, ...] | None = None
    key_id: int | None = None  # of whoever has no key: none
    publish_rate: int | None = None  # publishes a second


@dataclass(frozen=True, slots=True)
class PublishRule:
    """Channels (a pattern with `*`) that only users with one of these roles may publish to."""

    channel: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a user token (a JWT, RFC 7519) must be, and which claims say who the user is."""

    algorithms: tuple[str, ...]
    audience: str | None = None
    issuer: str | None = None
    jwks_url: str | None = None
    user_claim: str = "sub"
    roles_claim: str = "roles"


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one app.

    `token_key` is sealed: the key, where no JWKS is named. `device_proof` demands of who changes
    or removes a device that they show that it is theirs. `publish_rate` is how many publishes a
    second all callers together may ask a gateway for; None is no bound.
    """

    app_id: str
    hosts: tuple[str, ...] = ()
    open_scopes: tuple[str, ...] = ()
    publish_rules: tuple[PublishRule, ...] = ()
    token_rules: TokenRules | None = None
    token_key: bytes | None = None
    device_proof: bool = False
    time_zone: str = "UTC"  # the app's own; kept with the app
    publish_rate: int | None = None


def find_grant(connection: Connection, app_id: str, key: str) -> Grant | None:
    """Return what a key grants; None where it is unknown, revoked or another app's."""
    key_hash = hash_key(key)
    row = connection.execute(
        select(
            *(API_KEY.id, API_KEY.key_hash, API_KEY.app_id, API_KEY.scopes),
            *(API_KEY.channel_patterns, API_KEY.publish_rate),
        )
        .select_from(ApiKey)
        .where(API_KEY.key_hash == key_hash, API_KEY.revoked_at.is_(None))
    ).one_or_none()
    # Compared once more in constant time: how an index finds a row depends on what it looks for.
    if row is None or not hmac.compare_digest(row.key_hash, key_hash) or row.app_id != app_id:
        return None
    patterns = tuple(row.channel_patterns) if row.channel_patterns else None
    return Grant(app_id, frozenset(row.scopes), patterns, row.id, row.publish_rate)


def list_access(connection: Connection) -> list[Access]:
    """Read the rules of every app that has some, in the order of their ids."""
    rows = connection.execute(select(AppAccess).order_by(APP_ACCESS.app_id))
    return [_access(row) for row in rows]


def find_access(connection: Connection, app_id: str) -> Access:
    """Read the rules of an app; the default ones where none were made."""
    row = connection.execute(
        select(AppAccess).where(APP_ACCESS.app_id == app_id)  # the columns, not an object
    ).one_or_none()
    zone = connection.execute(select(APP.time_zone).where(APP.id == app_id)).scalar()
    return replace(Access(app_id) if row is None else _access(row), time_zone=str(zone or "UTC"))


def find_app_of_host(connection: Connection, host: str) -> str | None:
    """Return the app whose domain this is, if any says so."""
    rows = connection.execute(select(APP_ACCESS.app_id, APP_ACCESS.hosts))
    return next((app_id for app_id, hosts in rows if host in hosts), None)


def put_access(connection: Connection, access: Access, now: int) -> None:
    """Store the rules of an app in place of those before. Gateways use them within seconds."""
    values = {
        "hosts": list(access.hosts),
        "open_scopes": list(access.open_scopes),
        "publish_rules": [asdict(rule) for rule in access.publish_rules],
        "token_rules": asdict(access.token_rules) if access.token_rules else None,
        "token_key": access.token_key,
        "device_proof": access.device_proof,
        "publish_rate": access.publish_rate,
        "updated_at": now,
    }
    statement = db.insert_into(connection, AppAccess).values(app_id=access.app_id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["app_id"], set_=values))


def _access(row: Any) -> Access:
    rules = row.token_rules
    return Access(
        app_id=row.app_id,
        hosts=tuple(row.hosts),
        open_scopes=tuple(row.open_scopes or ()),
        publish_rules=tuple(
            PublishRule(rule["channel"], tuple(rule["roles"])) for rule in row.publish_rules
        ),
        token_rules=TokenRules(**{**rules, "algorithms": tuple(rules["algorithms"])})
        if rules
        else None,
        token_key=row.token_key,
        device_proof=row.device_proof,
        publish_rate=row.publish_rate,
    )

"""Apps and their API keys."""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from push_pipeline import db
from push_pipeline.content.android import Style, style_of
from push_pipeline.directory.scopes import SCOPES, check_scopes
from push_pipeline.errors import InvalidParameter, UnknownApp
from push_pipeline.host import program
from push_pipeline.models import API_KEY, APP, ApiKey, App
from push_pipeline.options.time_zone import check_time_zone
from push_pipeline.options.unknown_policy import read_unknown_policy
from push_pipeline.settings import get_settings, spelled

#: Bytes of randomness in a key that we make: too many to guess, so a fast hash is enough.
KEY_BYTES = 24

#: The time zone of an app that names none.
UTC = "UTC"


@dataclass(frozen=True, slots=True)
class AppView:
    """An app as it is listed."""

    id: str
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as it is listed: `hint` are its last four characters."""

    app_id: str
    hint: str
    scopes: tuple[str, ...]


_KNOWN = select(APP.id).where(APP.id == bindparam("app"))


def resolve_app(connection: Connection, app: str | None) -> str:
    """Return the id of the app that is meant: the one named, the default one, or the only one.

    Raises:
        UnknownApp: there is none, or it is not clear which.
    """
    wanted = app or get_settings().app_id
    if wanted is not None:
        if connection.execute(_KNOWN, {"app": wanted}).first() is None:
            raise UnknownApp(f"no app has the id {wanted!r}: `{program()} app list` shows them")
        return wanted
    ids = connection.scalars(select(APP.id).limit(2)).all()
    if len(ids) != 1:
        found = "there is no app yet" if not ids else "there are several apps"
        raise UnknownApp(f"{found}: set {spelled('app_id')} or name one (`{program()} app create`)")
    return str(ids[0])


def create_app(
    connection: Connection, name: str, now: int, app_id: str | None = None, time_zone: str = UTC
) -> str:
    """Create an app and return its id. Its time zone is that of devices that tell none.

    Raises:
        InvalidParameter: an app with this id exists, or the time zone is unknown.
    """
    new_id = app_id or str(uuid.uuid4()).upper()
    if not ensure_app(connection, new_id, name, now, check_time_zone(time_zone)):
        raise InvalidParameter(f"an app with the id {new_id!r} exists already")
    return new_id


def ensure_app(
    connection: Connection, app_id: str, name: str, now: int, time_zone: str = UTC
) -> bool:
    """Create an app unless it exists; return whether it was created."""
    statement = db.insert_into(connection, App).values(
        id=app_id, name=name, time_zone=time_zone, created_at=now
    )
    written = connection.execute(statement.on_conflict_do_nothing().returning(APP.id))
    return written.first() is not None


def list_apps(connection: Connection) -> list[AppView]:
    """List the apps, the oldest first."""
    rows = connection.execute(select(APP.id, APP.name, APP.created_at).order_by(APP.created_at))
    return [AppView(*row) for row in rows]


def android_style(connection: Connection, app_id: str) -> str:
    """Return who shows an app's pushes on Android where a push does not say."""
    return str(connection.execute(select(APP.android_style).where(APP.id == app_id)).scalar_one())


def note_that_badges_count(connection: Connection, app_id: str) -> None:
    """Note that badges of an app's devices are kept: pushes that set one are noted from now on."""
    statement = update(App).where(APP.id == app_id, APP.counts_badges.is_(False))
    connection.execute(statement.values(counts_badges=True))


def set_android_style(connection: Connection, app_id: str, style: str) -> None:
    """Say who shows an app's pushes on Android where a push does not say; from the next run on.

    Raises:
        InvalidParameter: it is none of `data`, `notification`, `both`.
    """
    if style_of(style) is None:
        raise InvalidParameter(f"unknown style {style!r}: use {', '.join(Style)}")
    connection.execute(update(App).where(APP.id == app_id).values(android_style=style.lower()))


def needs_sdk_copy(connection: Connection, app_id: str) -> bool:
    """Tell whether an app's pushes on Apple's systems have the copy of the text for the SDK."""
    return bool(connection.execute(select(APP.sdk_copy).where(APP.id == app_id)).scalar_one())


def set_sdk_copy(connection: Connection, app_id: str, *, copied: bool) -> None:
    """Say whether they have it where a push does not say; from the next run on."""
    connection.execute(update(App).where(APP.id == app_id).values(sdk_copy=copied))


def unknown_policy(connection: Connection, app_id: str) -> str | None:
    """Return what an app's deliveries without an answer become; None where the setting says it."""
    found: str | None = connection.scalar(select(APP.unknown_policy).where(APP.id == app_id))
    return found


def set_unknown_policy(connection: Connection, app_id: str, policy: str | None) -> None:
    """Say what they become where a message does not say; from the next run on.

    Raises:
        InvalidParameter: there is no such policy.
    """
    checked = None if policy is None else read_unknown_policy(policy).value
    connection.execute(update(App).where(APP.id == app_id).values(unknown_policy=checked))


def hash_key(key: str) -> bytes:
    """Hash an API key for storage and look-up."""
    return hashlib.sha256(key.encode()).digest()


def add_key(
    connection: Connection,
    app_id: str,
    now: int,
    *,
    key: str | None = None,
    scopes: Sequence[str] = SCOPES,
    channel_patterns: Sequence[str] | None = None,
    publish_rate: int | None = None,
) -> str:
    """Store the hash of a key, making one where none is given, and return the key, once.

    Adding the same key twice changes nothing; a key that was revoked stays revoked.

    Raises:
        InvalidParameter: a scope is unknown, or another app has this key.
    """
    check_scopes(scopes)
    # Hexadecimal: no part of it looks like an option to a shell, as one with a hyphen would.
    shown = key or secrets.token_hex(KEY_BYTES)
    statement = db.insert_into(connection, ApiKey).values(
        app_id=app_id,
        key_hash=hash_key(shown),
        hint=shown[-4:],
        scopes=list(scopes),
        channel_patterns=list(channel_patterns) if channel_patterns else None,
        publish_rate=publish_rate,
        created_at=now,
    )
    connection.execute(statement.on_conflict_do_nothing(index_elements=["key_hash"]))
    owner = connection.scalar(select(API_KEY.app_id).where(API_KEY.key_hash == hash_key(shown)))
    if owner != app_id:
        raise InvalidParameter("another app has this key: give each app a key of its own")
    return shown


def list_keys(connection: Connection) -> list[KeyView]:
    """List the keys of all apps that are not revoked, the oldest first."""
    rows = connection.execute(
        select(API_KEY.app_id, API_KEY.hint, API_KEY.scopes)
        .where(API_KEY.revoked_at.is_(None))
        .order_by(API_KEY.app_id, API_KEY.id)
    )
    return [KeyView(app_id, hint, tuple(scopes)) for app_id, hint, scopes in rows]


def revoke_key(connection: Connection, app_id: str, hint: str, now: int) -> int:
    """Revoke the keys of an app that end in `hint` (four characters); return how many."""
    statement = (
        update(ApiKey)
        .where(API_KEY.app_id == app_id, API_KEY.hint == hint, API_KEY.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return connection.execute(statement).rowcount

"""Who may use the console, and who is signed in: names, roles, links, sessions."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from push_pipeline import db
from push_pipeline.errors import UnknownConsoleUser
from push_pipeline.models import CONSOLE_SESSION, CONSOLE_USER, ConsoleSession, ConsoleUser

#: What a token opens: the console once, or for as long as somebody is signed in.
LINK, SESSION = "link", "session"

#: Milliseconds that a link can be used, and that a session lasts.
LINK_MS = 10 * 60_000
SESSION_MS = 8 * 3_600_000


class Person(NamedTuple):
    """A user of the console. `roles` names a role by app, `*` stands for every app."""

    name: str
    roles: Mapping[str, str]


def hash_token(token: str) -> bytes:
    """Hash a token, which is 256 random bits: nothing slow is needed."""
    return hashlib.sha256(token.encode()).digest()


def put_person(connection: Connection, name: str, roles: Mapping[str, str], now: int) -> None:
    """Make a user, or change the roles of one."""
    values = {"name": name, "roles": dict(roles), "created_at": now}
    statement = db.insert_into(connection, ConsoleUser).values(**values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"roles": dict(roles)})
    )


def find_person(connection: Connection, name: str) -> Person | None:
    """Return a user by name."""
    statement = select(CONSOLE_USER.name, CONSOLE_USER.roles).where(CONSOLE_USER.name == name)
    row = connection.execute(statement).one_or_none()
    return None if row is None else Person(*row)


def list_people(connection: Connection) -> list[Person]:
    """Return all users by name."""
    statement = select(CONSOLE_USER.name, CONSOLE_USER.roles).order_by(CONSOLE_USER.name)
    return [Person(*row) for row in connection.execute(statement)]


def remove_person(connection: Connection, name: str) -> None:
    """Remove a user, who is signed out everywhere by it.

    Raises:
        UnknownConsoleUser: there is none.
    """
    if not connection.execute(delete(ConsoleUser).where(CONSOLE_USER.name == name)).rowcount:
        raise UnknownConsoleUser(f"the console has no user {name!r}: push-pipeline console users")


def set_password_hash(connection: Connection, name: str, hashed: str | None) -> None:
    """Set the hash of a user's password, or take the password away; ends all sessions.

    Raises:
        UnknownConsoleUser: there is none.
    """
    statement = update(ConsoleUser).where(CONSOLE_USER.name == name).values(password_hash=hashed)
    if not connection.execute(statement).rowcount:
        raise UnknownConsoleUser(f"the console has no user {name!r}: push-pipeline console users")
    connection.execute(delete(ConsoleSession).where(CONSOLE_SESSION.user_name == name))


def find_password_hash(connection: Connection, name: str) -> str | None:
    """Return the hash of a user's password; None where there is no user, or no password."""
    statement = select(CONSOLE_USER.password_hash).where(CONSOLE_USER.name == name)
    return connection.execute(statement).scalar()


def open_token(connection: Connection, kind: str, token: str, name: str, now: int) -> None:
    """Let a token open the console for a user from now on; what has ended is removed."""
    connection.execute(delete(ConsoleSession).where(CONSOLE_SESSION.expires_at <= now))
    lasts = LINK_MS if kind == LINK else SESSION_MS
    connection.execute(
        insert(ConsoleSession).values(
            token_hash=hash_token(token),
            user_name=name,
            kind=kind,
            created_at=now,
            expires_at=now + lasts,
        )
    )


def use_link(connection: Connection, token: str, now: int) -> str | None:
    """Use a link up; return whose it was, or None where it is none, used or too old."""
    statement = (
        delete(ConsoleSession)
        .where(
            CONSOLE_SESSION.token_hash == hash_token(token),
            CONSOLE_SESSION.kind == LINK,
            CONSOLE_SESSION.expires_at > now,
        )
        .returning(CONSOLE_SESSION.user_name)
    )
    return connection.execute(statement).scalar()


def find_signed_in(connection: Connection, token: str, now: int) -> Person | None:
    """Return who is signed in by a token, with the roles of this moment."""
    statement = (
        select(CONSOLE_USER.name, CONSOLE_USER.roles)
        .join(ConsoleSession, CONSOLE_SESSION.user_name == CONSOLE_USER.name)
        .where(
            CONSOLE_SESSION.token_hash == hash_token(token),
            CONSOLE_SESSION.kind == SESSION,
            CONSOLE_SESSION.expires_at > now,
        )
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else Person(*row)


def close_session(connection: Connection, token: str) -> None:
    """Sign a browser out."""
    connection.execute(
        delete(ConsoleSession).where(CONSOLE_SESSION.token_hash == hash_token(token))
    )

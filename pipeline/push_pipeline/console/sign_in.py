"""Ways in: a link that the command line makes, a password, the word of a proxy that is trusted."""

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.audit import note_deed
from push_pipeline.directory.console_users import (
    LINK,
    SESSION,
    find_password_hash,
    find_person,
    open_token,
    set_password_hash,
    use_link,
)
from push_pipeline.errors import InvalidParameter, SignInFailed, UnknownConsoleUser

#: Characters of a password: NIST SP 800-63B asks for 15 where it is all that is asked.
PASSWORD_MIN = 15
PASSWORD_MAX = 1_000

_hasher = PasswordHasher()

#: Verified where there is no user, so that the time tells nothing.
_NOBODYS = _hasher.hash(secrets.token_urlsafe())


def make_link_token(name: str) -> str:
    """Return a token that signs a user in once, within ten minutes.

    Raises:
        UnknownConsoleUser: there is none.
    """
    token = secrets.token_urlsafe(32)
    with db.writing() as connection:
        if find_person(connection, name) is None:
            raise UnknownConsoleUser(
                f"the console has no user {name!r}: push-pipeline console users"
            )
        open_token(connection, LINK, token, name, now_ms())
    return token


def by_link(token: str) -> str:
    """Use a link up, and return the token of the session that it opens.

    Raises:
        SignInFailed: it is none, it was used, or it is older than ten minutes.
    """
    now = now_ms()
    with db.writing() as connection:
        name = use_link(connection, token, now)
        if name is not None:
            note_deed(connection, now, name, "", "signed in", "by a link")
            return _open_session(connection, name, now)
    raise SignInFailed("this link was used, or is older than ten minutes: make another one")


def by_password(name: str, password: str) -> str:
    """Return the token of the session that a password opens.

    Raises:
        SignInFailed: it is not the user's.
    """
    with db.reading() as connection:
        stored = find_password_hash(connection, name)
    if not _holds(stored or _NOBODYS, password) or stored is None:
        raise SignInFailed("the name or the password is wrong")
    now = now_ms()
    with db.writing() as connection:
        note_deed(connection, now, name, "", "signed in", "by a password")
        return _open_session(connection, name, now)


def set_password(name: str, password: str) -> None:
    """Set a user's password; whoever is signed in under this name is signed out.

    Raises:
        InvalidParameter: it is too short.
        UnknownConsoleUser: there is none.
    """
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise InvalidParameter(f"a password has {PASSWORD_MIN} characters or more")
    hashed = _hasher.hash(password)
    with db.writing() as connection:
        set_password_hash(connection, name, hashed)


def _open_session(connection: db.Connection, name: str, now: int) -> str:
    token = secrets.token_urlsafe(32)
    open_token(connection, SESSION, token, name, now)
    return token


def _holds(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password[:PASSWORD_MAX])
    except VerificationError:
        return False

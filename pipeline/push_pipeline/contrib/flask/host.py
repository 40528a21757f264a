"""Flask as the host of our calls: the application at work, its settings, its request's session."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from flask import Flask, current_app

from push_pipeline.contrib.flask import conf
from push_pipeline.errors import SetupError

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

T = TypeVar("T")

#: Where an application keeps the extension.
KEY: Final = "push_pipeline"


class FlaskHost:
    """The process of one Flask application, or of several. Nothing is read before it is asked."""

    def __init__(self) -> None:
        self._latest: Flask | None = None

    def add(self, app: Flask) -> None:
        """Know an application: outside of every application context, the latest one counts."""
        self._latest = app

    def scope(self) -> Flask:
        """Return the application at work.

        Raises:
            SetupError: no application has the extension.
        """
        at_work = _at_work()
        if at_work is not None and KEY in at_work.extensions:
            return at_work
        if self._latest is None:
            raise SetupError("no Flask application has PushPipeline: call init_app")
        return self._latest

    def spelling(self, field: str) -> str:
        """Return the name of a setting in the configuration."""
        return conf.spelling(field)

    def setting_values(self) -> Mapping[str, Any]:
        """Return what `PUSH_*` says, by field name, and where the database is that is shared."""
        app = self.scope()
        if _at_work() is app:
            return self._values(app)
        with app.app_context():
            return self._values(app)

    def _values(self, app: Flask) -> Mapping[str, Any]:
        values = conf.given(app.config)
        session = self.session()
        if session is None:
            return values
        from push_pipeline.contrib.flask.sessions import engine_of

        return {**values, "database_url": conf.database_url(engine_of(session).url)}

    def session(self) -> "Session | None":
        """Return the session of the application context that is open, if we share it."""
        app = _at_work()
        if app is None or KEY not in app.extensions or conf.has_own_database(app.config):
            return None
        found: Session | None = app.extensions[KEY].current_session()
        return found

    def program(self) -> str:
        """Return Flask's command."""
        return "flask push"

    def shares_database(self) -> bool:
        """Say whether there is a session of the host's to be part of."""
        return self.session() is not None

    def connect(self, *, reading: bool) -> "AbstractContextManager[Connection]":
        """Open a savepoint of the session's transaction, or read in it."""
        from push_pipeline.contrib.flask.sessions import guest_connection

        return guest_connection(self._session(), reading=reading)

    def after_commit(self, do: Callable[[], object]) -> None:
        """Call when the session's transaction is committed; never where it is rolled back."""
        from push_pipeline.publishing.on_commit import after_commit

        after_commit(self._session(), do)

    def waits_for_commit(self) -> None:
        """Return nothing: Flask knows of no transaction that is not the session's."""

    def in_thread(self, do: Callable[[], T]) -> Awaitable[T]:
        """Call on another thread, in the same application context."""
        return asyncio.to_thread(do)

    def _session(self) -> "Session":
        session = self.session()
        if session is None:
            raise SetupError("no application context is open")
        return session


def _at_work() -> Flask | None:
    # Flask documents this way out of the proxy, and its types do not have it.
    return current_app._get_current_object() if current_app else None  # type: ignore[attr-defined]  # noqa: SLF001


#: The one of this process.
HOST: Final = FlaskHost()

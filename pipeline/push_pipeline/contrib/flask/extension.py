"""The Flask extension: `PushPipeline(app)`, or `PushPipeline()` and `init_app(app)` later."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, current_app
from flask import session as cookies

from push_pipeline import host
from push_pipeline.contrib.flask.host import HOST, KEY
from push_pipeline.errors import SetupError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class PushPipeline:
    """Lets an application publish with its own settings, in the transactions of its requests.

    Args:
        app: the application; `init_app` takes it, or further ones, as well.
        session: returns the SQLAlchemy session of the request, as a `scoped_session` does.
            Without it that of Flask-SQLAlchemy, where the application has that.
    """

    def __init__(
        self, app: Flask | None = None, *, session: "Callable[[], Session] | None" = None
    ) -> None:
        self._session = session
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Register the extension and its command; nothing is read or opened.

        Raises:
            SetupError: the application has it already.
        """
        if KEY in app.extensions:
            raise SetupError("this application has PushPipeline already")
        from push_pipeline.contrib.flask.commands import push
        from push_pipeline.contrib.flask.forgotten import watch_requests

        app.extensions[KEY] = self
        app.cli.add_command(push)
        watch_requests(app)
        HOST.add(app)
        host.join(HOST)

    def blueprint(
        self,
        user: Callable[[], Any],
        *,
        may_read: Callable[[str], bool] = lambda _: False,
        name: str = "push",
    ) -> Blueprint:
        """Build the pages that an app asks: its device registered, a message's ledger read.

        Args:
            user: returns the id of the user who asks, or None where nobody is signed in.
            may_read: says whether the asking user may read the ledger of a message, by its id.
            name: the blueprint's.
        """
        from push_pipeline.contrib.flask.views import make_blueprint

        return make_blueprint(name, user, may_read)

    def unlink_device(self, *_: Any, **__: Any) -> None:
        """Take the device that was registered in this session from the user who logs out.

        It takes what signals send: `user_logged_out.connect(push.unlink_device, app)`.
        """
        from push_pipeline.contrib.flask.views import committed
        from push_pipeline.contrib.pages import SESSION_KEY
        from push_pipeline.devices.owners import unlink_device

        if device_id := cookies.pop(SESSION_KEY, None):
            with committed():
                unlink_device(device_id)

    def migrate(self) -> None:
        """Bring the tables up to date in the session's transaction, and commit it: for tests.

        Where the database is a file or a server, `flask push migrate` does it.
        """
        from push_pipeline import db, default_app, migrations
        from push_pipeline.contrib.flask.views import committed
        from push_pipeline.settings import get_settings

        with committed():
            with db.writing() as connection:
                migrations.upgrade_within(connection)
            default_app.sync(get_settings())

    def current_session(self) -> "Session | None":
        """Return the session of the application context that is open, if there is any."""
        if self._session is not None:
            return self._session()
        if "sqlalchemy" not in current_app.extensions:
            return None
        from push_pipeline.contrib.flask.sessions import session_of_extension

        return session_of_extension(current_app)

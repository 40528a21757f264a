"""What an app asks its host for: its device registered or removed, the ledger of a message.

The host authenticates, by the hook that it gives; its CSRF protection, if it has any, stays in
force, and a registration must be JSON: a form of another site, sent with the cookies of a user,
would give that user's pushes to a device of its own. Errors are in the API's shape.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, jsonify, make_response, request
from flask import session as cookies
from flask.sessions import NullSession

from push_pipeline import status
from push_pipeline.contrib.flask.host import HOST
from push_pipeline.contrib.pages import (
    SESSION_KEY,
    SIGN_IN,
    read_object,
    register_of_user,
    told,
    unregister_of_user,
)
from push_pipeline.errors import OperationDenied, PipelineError, RegistrationMalformed


def make_blueprint(
    name: str, user: Callable[[], Any], may_read: Callable[[str], bool]
) -> Blueprint:
    """Build `POST devices/`, `DELETE devices/ID/` and `GET messages/ID/`."""
    pages = _Pages(user, may_read)
    made = Blueprint(name, __name__)
    made.add_url_rule("/devices/", "register", pages.register, methods=["POST"])
    made.add_url_rule(
        "/devices/<path:device_id>/", "unregister", pages.unregister, methods=["DELETE"]
    )
    made.add_url_rule("/messages/<message_id>/", "message", pages.message)
    made.register_error_handler(PipelineError, _refuse)
    return made


@dataclass(frozen=True, slots=True)
class _Pages:
    """The views, for who the host's hooks say is asking."""

    user: Callable[[], Any]
    may_read: Callable[[str], bool]

    def register(self) -> Response:
        """Register the caller's device: `deviceId`, `deviceToken`, `os`, the API's other fields."""
        user_id = self._asking()
        if not request.is_json:  # what a page of another origin cannot send unasked
            raise RegistrationMalformed("send the registration as application/json")
        with committed():
            device_id = register_of_user(user_id, read_object(request.get_data()))
        if not isinstance(cookies, NullSession):
            cookies[SESSION_KEY] = device_id
        return jsonify({"registered": True})

    def unregister(self, device_id: str) -> Response:
        """Remove a device of the caller's."""
        user_id = self._asking()
        with committed():
            unregister_of_user(user_id, device_id)
        return jsonify({"registered": False})

    def message(self, message_id: str) -> Response:
        """Answer the ledger of a message, to who may read it."""
        self._asking()
        if not self.may_read(message_id):
            raise OperationDenied
        return jsonify(status(message_id))

    def _asking(self) -> str:
        found = self.user()
        if found in (None, ""):
            abort(make_response(jsonify(SIGN_IN), 401))
        return str(found)


def _refuse(error: PipelineError) -> tuple[Response, int]:
    return jsonify(told(error)), error.http_status


@contextmanager
def committed() -> Iterator[None]:
    """Commit the session that was written in: these pages are requests of their own."""
    yield
    session = HOST.session()
    if session is not None:
        session.commit()

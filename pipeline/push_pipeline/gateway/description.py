"""What the API says of itself in `/openapi.json` and `/docs`."""

from collections.abc import Iterator
from typing import Any

from push_pipeline.errors import RequestError
from push_pipeline.gateway.wire import Fault

_TEXT = """\
Push notifications over the API of the Backendless SDKs.

**Address.** `/APP-ID/API-KEY/…` names the app and a key of it. `/api/…` (or any other segment)
is the app of the domain, on this machine the default app, and may do what that app is opened for
(nothing, unless an operator says so). The headers
`application-id` and `secret-key` are as good as ids in the path. The console's routes, for
templates and channels, stand below `/APP-ID/console/messaging` and take the header `auth-key`.

**Scopes of a key.** `publish` for messages and pushes, `register` for registrations, `read` for the
state of messages, `admin` for channels, templates and users. The header `user-token` is a JSON Web
Token of your own users, where the app takes them.

**Errors** have an integer `code`, a `message` for people and an empty `errorData`. A success
never has both of the first two.

| code | HTTP | |
|---|---|---|
"""

TAGS = [
    {"name": "messages", "description": "publish, ask, cancel"},
    {"name": "templates", "description": "pushes whose look and audience are stored"},
    {"name": "registrations", "description": "devices and the channels that they hear"},
    {"name": "activities", "description": "Live Activities of iOS, progress on Android"},
    {"name": "channels"},
    {"name": "users", "description": "what personal words and segments know of a device's user"},
    {"name": "app"},
]

#: The only errors that a route answers with; a range, so that the framework adds none of its own.
RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Fault, "description": "Something is wrong with the request: see the code"},
    "5XX": {"model": Fault, "description": "The service has a fault (500) or is not ready (503)"},
}

SERVERS: list[dict[str, Any]] = [
    {"url": "/api", "description": "the app of this domain, or the default app"},
    {
        "url": "/{appId}/{apiKey}",
        "description": "any app",
        "variables": {name: {"default": name} for name in ("appId", "apiKey")},
    },
]


def describe() -> str:
    """Write what holds for all routes, with every code that a request may be answered with."""
    rows = {(kind.code, kind.http_status, str(kind())) for kind in _kinds(RequestError)}
    rows |= {(8002, 400, "The bytes are no HTTP.")}
    rows |= {(8002, 404, "There is no such route."), (8002, 405, "A route has no such method.")}
    rows |= {(8011, 500, "A fault of the service."), (8011, 503, "The service is not ready.")}
    return _TEXT + "\n".join(
        f"| {code} | {status} | {text} |" for code, status, text in sorted(rows)
    )


def _kinds(kind: type[RequestError]) -> Iterator[type[RequestError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _kinds(one)

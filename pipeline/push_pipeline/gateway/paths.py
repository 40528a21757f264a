"""Where a request goes: the forms of a base URL, and percent-encoding, once for all routes.

| form | example | the app and its key |
|---|---|---|
| ids in the path | `/{appId}/{apiKey}/messaging/…` | in the path |
| domain | `/api/messaging/…`, or any one segment | by the Host header; no key |
| console | `/{appId}/console/messaging/…` | `auth-key` is the key |
| headers | `/v1/messaging/…` | `application-id` and `secret-key`; they win in the domain form |

A server URL may have a path of its own, which stands before any of them. The routes are written
without a prefix, and see path parameters as they were sent: a slash that is part of a name must
not look like one that separates.
"""

from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import unquote, unquote_to_bytes

from pydantic import AfterValidator, BeforeValidator
from starlette.types import ASGIApp, Receive, Scope, Send

from push_pipeline.errors import InvalidParameter

#: What the routes begin with: how many segments stand before it tells the form.
NOUNS = frozenset({"messaging", "users", "info", "emailtemplate"})

#: What stands after `data` in the routes of the one table that is served; without it `data` is
#: a word like any other, and may be a part of the server's URL.
TABLE = ["data", "DeviceRegistration"]

#: What stands after these is a name to its end, which may be a slash: without it, another
#: device would be meant, or a channel instead of nobody.
_NAME_FOLLOWS = frozenset({"push", "registrations", "users", "devices"})

#: Stands between the app's id and the noun in the console's routes.
CONSOLE = "console"

#: What the path of a route begins with in any form: all else stands before it.
_BEGINNINGS = frozenset({*NOUNS, TABLE[0], CONSOLE})

#: Segments right before the noun in the form with ids in the path.
_IDS_IN_PATH = 2

#: What stands right before the noun in the domain form, as the SDKs have it by default.
_DOMAIN = "api"

#: Where a request's address is kept in the ASGI scope.
ADDRESS = "push_pipeline.address"


@dataclass(frozen=True, slots=True)
class Address:
    """The app and the key that a path names; None where it names none."""

    app_id: str | None = None
    api_key: str | None = field(default=None, repr=False)


class Addressing:
    """Take the prefix off every path, and keep what it says in the scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on without its prefix."""
        if scope["type"] == "http":
            raw: bytes = scope["raw_path"]
            address, path = split(raw.partition(b"?")[0].decode("latin-1"))
            scope = {**scope, "path": path, "raw_path": path.encode("latin-1"), ADDRESS: address}
        await self._app(scope, receive, send)


def split(raw_path: str) -> tuple[Address, str]:
    """Split a path as it was sent into what its prefix says and the path of the route.

    Slashes before it count as one: a server URL that ends in a slash makes two of them.
    """
    segments = raw_path.lstrip("/").split("/")
    for depth, segment in enumerate(segments):
        if segment not in _BEGINNINGS:
            continue
        if depth and segments[depth : depth + 2] == [CONSOLE, "messaging"]:
            return Address(unquote(segments[depth - 1])), _path(segments[depth:])
        if segment in NOUNS or segments[depth : depth + 2] == TABLE:
            return _address(segments[:depth]), _path(segments[depth:])
    return Address(), _path(segments)


def _address(prefix: list[str]) -> Address:
    """Read a prefix: the app and its key stand last in it, unless it is of the domain form."""
    if len(prefix) < _IDS_IN_PATH or prefix[-1] == _DOMAIN:
        return Address()
    return Address(*map(unquote, prefix[-_IDS_IN_PATH:]))


def _path(segments: list[str]) -> str:
    """Return the path of a route; a slash at its end is none, unless it may belong to a name."""
    path = "/" + "/".join(segments)
    if not _NAME_FOLLOWS.isdisjoint(segments[:-1]):
        return path
    return path.rstrip("/") or "/"


def decode(parameter: str) -> str:
    """Decode a path parameter.

    Raises:
        InvalidParameter: it is not UTF-8, or holds U+0000, which no database stores.
    """
    try:
        text = unquote_to_bytes(parameter.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise InvalidParameter("the path is not UTF-8") from None
    return storable(text)


def storable(text: str) -> str:
    """Return a text as it is.

    Raises:
        InvalidParameter: it holds U+0000, which no database stores.
    """
    if "\0" in text:
        raise InvalidParameter("the path or the query holds the character U+0000")
    return text


#: A name or an id in a path.
Named = Annotated[str, BeforeValidator(decode)]

#: Names in a query, separated by commas.
Listed = Annotated[str, AfterValidator(storable)]

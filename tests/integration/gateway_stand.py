"""A gateway that listens on a port of its own, in a thread of the test, and a client for it."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.types import ASGIApp
from uvicorn import Server

from push_pipeline import db, queues
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import add_key, ensure_app
from push_pipeline.gateway.app import create_app
from push_pipeline.gateway.server import listen, make_server
from push_pipeline.settings import get_settings
from tests.processes import wait_until

APP = "APP-1"
KEY = "KEY-1"
IOS_TOKEN = "ab" * 32


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return orjson.loads(self.raw)

    @property
    def fault(self) -> tuple[int, int]:
        """HTTP status and code of an error, after checking that it has the API's shape."""
        assert set(self.body) == {"code", "message", "errorData"}, self.body
        assert type(self.body["code"]) is int
        assert type(self.body["message"]) is str
        assert self.body["message"]
        assert self.body["errorData"] == {}
        return self.status, self.body["code"]


def in_common(answer: Answer) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return what two answers must have in common: all but when, and which message it is."""
    body = {**answer.body}
    if "messageId" in body:
        assert body.pop("messageId").startswith("message:")
    heads = {name: value for name, value in answer.headers.items() if name != "date"}
    return answer.status, heads, body


@dataclass
class Client:
    """Speaks to a gateway; paths go out as they are, with the prefix before them."""

    port: int
    prefix: str = f"/{APP}/{KEY}"
    headers: dict[str, str] = field(default_factory=dict)
    operator_port: int | None = None
    server: Server | None = None

    def __call__(
        self, method: str, path: str, body: Any = None, *, prefix: str | None = None, **headers: str
    ) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {**self.headers, **given}
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        # Written by hand as far as needed: http.client would quote and refuse odd paths.
        connection.putrequest(method, "/", skip_host="Host" in sent, skip_accept_encoding=True)
        buffer: list[bytes] = connection._buffer
        target = (self.prefix if prefix is None else prefix) + path
        buffer[0] = f"{method} {target} HTTP/1.1".encode()
        if method in {"POST", "PUT"}:
            sent.setdefault("Content-Type", "application/json")
        if data is not None:
            sent.setdefault("Content-Length", str(len(data)))
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(data)
        response = connection.getresponse()
        answer = Answer(response.status, dict(response.getheaders()), response.read())
        connection.close()
        return answer

    def raw(self, sent: bytes) -> Answer:
        """Send bytes as they are and return the answer to the first request in them."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(sent)
            response = HTTPResponse(connection)
            response.begin()
            return Answer(response.status, dict(response.getheaders()), response.read())

    def register(self, device_id: str = "dev-1", **fields: Any) -> Answer:
        told = {"deviceId": device_id, "deviceToken": IOS_TOKEN, "os": "IOS", **fields}
        return self("POST", "/messaging/registrations", told)

    def publish(self, channel: str = "default", message: Any = "hello", **options: Any) -> Answer:
        return self("POST", f"/messaging/{channel}", {"message": message, **options})


def make_app(app_id: str = APP, key: str = KEY, **grant: Any) -> None:
    """Make an app with a key."""
    with db.writing() as connection:
        ensure_app(connection, app_id, app_id, now_ms())
        add_key(connection, app_id, now_ms(), key=key, **grant)


def _create(operator_port: int | None, console: ASGIApp | None) -> FastAPI:
    """Return an application; one that was built before, where it would be built alike.

    What an application keeps begins anew whenever it starts.
    """
    if operator_port is not None or console is not None:
        return create_app(operator_port, console)
    return _plain(get_settings().cors_origins)


@cache
def _plain(_origins: str) -> FastAPI:
    return create_app()


@contextmanager
def running_gateway(
    *, operators: bool = False, console: ASGIApp | None = None, port: int = 0
) -> Iterator[Client]:
    """Serve the application as configured, by a port for operators as well if that is asked."""
    sockets = [listen("127.0.0.1", one) for one in ((port, 0) if operators else (port,))]
    port, operator_port = (*(one.getsockname()[1] for one in sockets), None)[:2]
    server = make_server(operator_port, console, _create)
    thread = threading.Thread(target=server.run, kwargs={"sockets": sockets})
    thread.start()
    wait_until(lambda: server.started, what="the start of the gateway")
    key = get_settings().operator_key
    shown = {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    yield Client(port, headers=shown, operator_port=operator_port, server=server)
    server.should_exit = True
    thread.join()
    queues.forget()
    db.dispose()

"""A client on the `h2` library: another hand's HTTP/2, to hold the simulator's own against."""

import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import h2.config
import h2.connection
import h2.events
import h2.settings
import jwt

from push_workers.simulator.client import SimulatorClient

#: Seconds that nothing on loopback should take.
PATIENCE_SECONDS = 5
#: A device token without a magic prefix.
TOKEN = "ab" * 32


@dataclass
class Reply:
    """What came back on one stream."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    frames: int = 0  # of DATA
    reset: int | None = None
    ended: bool = False

    @property
    def reason(self) -> str:
        return json.loads(self.body)["reason"] if self.body else ""

    @property
    def error(self) -> dict[str, Any]:
        return json.loads(self.body)["error"]

    @property
    def error_codes(self) -> list[str]:
        return [d.get("errorCode") or d.get("reason") or "" for d in self.error.get("details", [])]


class Peer:
    """One HTTP/2 connection to a listener of the simulator."""

    def __init__(
        self,
        sim: SimulatorClient,
        url: str,
        *,
        alpn: tuple[str, ...] = ("h2",),
        certificate: bool = False,
        greet: bool = True,
    ) -> None:
        context = ssl.create_default_context(cafile=str(sim.ca_file))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if certificate:
            context.load_cert_chain(sim.client_file)
        port = urlsplit(url).port
        raw = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        config = h2.config.H2Configuration(
            header_encoding="utf-8",
            normalize_outbound_headers=False,
            validate_outbound_headers=False,
        )
        self.h2 = h2.connection.H2Connection(config)
        self.replies: dict[int, Reply] = {}
        self.goaway: h2.events.ConnectionTerminated | None = None
        self.pongs = 0
        self.closed = False
        self.socket = raw
        try:
            self.socket = context.wrap_socket(raw, server_hostname="localhost")
            if greet:
                self.h2.initiate_connection()
                self.flush()
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.socket.close()

    def post(self, path: str, headers: list[tuple[str, str]], body: bytes, method="POST") -> int:
        """Send a request as the windows allow; return its stream."""
        stream = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "https"), (":authority", "localhost"),
                  (":path", path)]  # fmt: skip
        self.h2.send_headers(stream, pseudo + headers, end_stream=not body)
        self.replies[stream] = Reply()
        while body:
            room = self.h2.local_flow_control_window(stream)
            part, body = body[:room], body[room:]
            self.h2.send_data(stream, part, end_stream=not body)
            self.flush()
            if body:
                self.read_until(lambda: self.h2.local_flow_control_window(stream) > 0)
        self.flush()
        return stream

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def reply(self, stream: int) -> Reply:
        """Wait for the end of a stream."""
        reply = self.replies[stream]
        self.read_until(lambda: reply.ended)
        return reply

    def read_until(self, condition: Callable[[], object]) -> None:
        """Read until the condition holds; fails when it does not within seconds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            if self.closed:
                raise ConnectionError("closed before the condition held")
            data = self._receive()
            self.closed = not data
            for event in self.h2.receive_data(data):
                self._take(event)
            if not self.closed:
                self.flush()

    def read_to_end(self) -> None:
        self.read_until(lambda: self.closed)

    def is_reset(self) -> bool:
        """Read the rest below TLS; say whether a TCP reset ended it. Nothing works afterwards."""
        with socket.socket(fileno=self.socket.detach()) as raw:
            raw.settimeout(PATIENCE_SECONDS)
            try:
                while raw.recv(65_536):
                    pass
            except ConnectionResetError:
                return True
        return False

    def disobey(self) -> None:
        """Open as many streams as asked for, whatever the server allows."""
        self.h2.remote_settings.max_concurrent_streams = 1000
        self.h2.remote_settings.acknowledge()

    @property
    def stream_limit(self) -> int:
        return int(self.h2.remote_settings.max_concurrent_streams)

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(65_536)
        except ssl.SSLEOFError:
            return b""

    def _take(self, event: h2.events.Event) -> None:
        reply = self.replies.get(getattr(event, "stream_id", None) or 0, Reply())
        match event:
            case h2.events.ResponseReceived():
                headers = dict(event.headers)
                reply.status = int(headers.pop(":status"))
                reply.headers = headers
            case h2.events.DataReceived():
                reply.body += event.data
                reply.frames += 1
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                reply.ended = True
            case h2.events.StreamReset():
                reply.reset, reply.ended = int(event.error_code), True
            case h2.events.ConnectionTerminated():
                self.goaway = event
            case h2.events.PingAckReceived():
                self.pongs += 1


class ApnsPeer(Peer):
    """A peer that knows how to ask APNs."""

    def __init__(self, sim: SimulatorClient, **options: Any) -> None:
        super().__init__(sim, sim.apns_url, **options)
        self.sim = sim

    def push(self, token: str = TOKEN, body: object = None, **headers: str | None) -> int:
        """Send a good notification, changed by what is given; None takes a header out."""
        content = {"aps": {"alert": "hello"}} if body is None else body
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        named = {
            "authorization": f"bearer {provider_token(self.sim)}",
            "apns-topic": self.sim.topic,
            "apns-push-type": "alert",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        fields = [(name, value) for name, value in named.items() if value is not None]
        return self.post(f"/3/device/{token}", fields, raw)

    def ask(self, token: str = TOKEN, body: object = None, **headers: str | None) -> Reply:
        return self.reply(self.push(token, body, **headers))


class FcmPeer(Peer):
    """A peer that knows how to ask FCM, with an access token of its own."""

    def __init__(self, sim: SimulatorClient, **options: Any) -> None:
        super().__init__(sim, sim.fcm_url, **options)
        self.sim = sim
        self.access_token = ""

    def grant(self, **changes: Any) -> Reply:
        """Ask for an access token."""
        body = urlencode(
            {
                "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "assertion": assertion(self.sim, **changes),
            }
        ).encode()
        form = [("content-type", "application/x-www-form-urlencoded")]
        return self.reply(self.post("/token", form, body))

    def send(self, message: object, *, project: str | None = None, **envelope: object) -> int:
        if not self.access_token:
            self.access_token = json.loads(self.grant().body)["access_token"]
        path = f"/v1/projects/{project or self.sim.project_id}/messages:send"
        headers = [("authorization", f"Bearer {self.access_token}")]
        raw = message if isinstance(message, bytes) else None
        body = raw if raw is not None else json.dumps({"message": message, **envelope}).encode()
        return self.post(path, headers, body)

    def ask(self, message: object, **options: Any) -> Reply:
        return self.reply(self.send(message, **options))


def provider_token(sim: SimulatorClient, **changes: Any) -> str:
    """Return a provider token signed with PyJWT; the same one for all who change nothing."""
    if not changes:
        return _usual_provider_token(sim.key_file.read_text(), sim.key_id, sim.team_id)
    claims = {"iss": sim.team_id, "iat": int(time.time())} | changes.pop("claims", {})
    key = changes.pop("key", sim.key_file.read_text())
    return jwt.encode(claims, key, "ES256", headers={"kid": sim.key_id} | changes)


@lru_cache
def _usual_provider_token(key: str, key_id: str, team_id: str) -> str:
    claims = {"iss": team_id, "iat": int(time.time())}
    return jwt.encode(claims, key, "ES256", headers={"kid": key_id})


def assertion(sim: SimulatorClient, **changes: Any) -> str:
    """Return an OAuth assertion signed with PyJWT."""
    account = json.loads(sim.service_account_file.read_text())
    now = int(time.time())
    key = changes.pop("key", account["private_key"])
    claims = {
        "iss": account["client_email"],
        "scope": "https://www.googleapis.com/auth/firebase.messaging",
        "aud": account["token_uri"],
        "iat": now,
        "exp": now + 3600,
    } | changes
    return jwt.encode(claims, key, "RS256", headers={"kid": account["private_key_id"]})

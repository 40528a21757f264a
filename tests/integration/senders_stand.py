"""A scripted HTTPS server: HTTP/2 for a provider, HTTP/1.1 for its token endpoint."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import SHUT_RDWR, create_server
from typing import NamedTuple

import h2.config
import h2.connection
import h2.events
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Request(NamedTuple):
    """One complete request."""

    connection: int
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """What to say: nothing at all if `status` is 0."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012 — read only


Script = Callable[[Request], Answer]


def json_answer(status: int, value: object, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), headers)


@dataclass
class Stand:
    """Where it listens, and what it saw."""

    port: int
    ca_file: str
    script: Script
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    clients: list[str] = field(default_factory=list)  # certificates that were shown

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


def certify(directory: Path) -> tuple[str, str]:
    """Write a certificate for localhost and its key; return both files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    ca_file, key_file = directory / "ca.pem", directory / "key.pem"
    ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return str(ca_file), str(key_file)


@contextmanager
def stand(directory: Path, script: Script, *, client_ca: str | None = None) -> Iterator[Stand]:
    """Serve until the block ends."""
    ca_file, key_file = certify(directory)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(ca_file, key_file)
    tls.set_alpn_protocols(["h2", "http/1.1"])
    if client_ca:
        tls.load_verify_locations(client_ca)
        tls.verify_mode = ssl.CERT_REQUIRED
    listener = create_server(("127.0.0.1", 0))
    seen = Stand(listener.getsockname()[1], ca_file, script)
    accepted: list[ssl.SSLSocket] = []
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            wire = tls.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
            accepted.append(wire)
            seen.connections += 1
            thread = threading.Thread(target=_serve, args=(seen, wire, seen.connections))
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield seen
    finally:
        listener.shutdown(SHUT_RDWR)
        listener.close()
        acceptor.join()
        for wire in accepted:
            with suppress(OSError):
                wire.shutdown(SHUT_RDWR)
        for thread in threads:
            thread.join()


def _serve(seen: Stand, wire: ssl.SSLSocket, number: int) -> None:
    with wire, suppress(OSError, ValueError):  # the client left, or the test ended
        wire.do_handshake()
        shown = wire.getpeercert()
        if shown:
            seen.clients.append(str(shown["serialNumber"]))
        serve = _serve_h2 if wire.selected_alpn_protocol() == "h2" else _serve_http1
        serve(seen, wire, number)


def _serve_h2(seen: Stand, wire: ssl.SSLSocket, number: int) -> None:
    peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    peer.initiate_connection()
    open_requests: dict[int, tuple[dict[str, str], bytearray]] = {}
    while True:
        wire.sendall(peer.data_to_send())
        received = wire.recv(65536)
        if not received:
            return
        for event in peer.receive_data(received):
            match event:
                case h2.events.RequestReceived():
                    headers = {key.decode(): value.decode() for key, value in event.headers}
                    open_requests[event.stream_id] = (headers, bytearray())
                case h2.events.DataReceived():
                    open_requests[event.stream_id][1].extend(event.data)
                    peer.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case h2.events.StreamEnded():
                    headers, body = open_requests.pop(event.stream_id)
                    request = Request(number, headers[":path"], headers, bytes(body))
                    seen.requests.append(request)
                    _answer(peer, event.stream_id, seen.script(request))


def _answer(peer: h2.connection.H2Connection, stream: int, answer: Answer) -> None:
    if not answer.status:
        return
    headers = [(":status", str(answer.status)), *answer.headers.items()]
    peer.send_headers(stream, headers, end_stream=not answer.body)
    if answer.body:
        peer.send_data(stream, answer.body, end_stream=True)


def _serve_http1(seen: Stand, wire: ssl.SSLSocket, number: int) -> None:
    file = wire.makefile("rb")
    while line := file.readline():
        headers = {}
        while (header := file.readline().strip()) != b"":
            name, _, value = header.decode().partition(":")
            headers[name.lower()] = value.strip()
        body = file.read(int(headers.get("content-length", "0")))
        request = Request(number, line.split()[1].decode(), headers, body)
        seen.requests.append(request)
        answer = seen.script(request)
        if not answer.status:
            return
        lines = [f"HTTP/1.1 {answer.status} X", f"content-length: {len(answer.body)}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        wire.sendall("\r\n".join([*lines, "", ""]).encode() + answer.body)

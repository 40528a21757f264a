"""The transport against servers that other people wrote, over TLS 1.2 and 1.3."""

import shutil
import socket
import ssl
import threading
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from push_workers.senders.http2 import Ended, Transport
from tests.bench.sink import Sink
from tests.processes import free_port, wait_until
from tests.unit.http2.peer_server import loopback_certificate, trusting

NODE = """
const http2 = require('node:http2'), fs = require('node:fs');
const [certificate, key, port] = process.argv.slice(2);
const files = { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) };
const server = http2.createSecureServer(files);
server.on('stream', (stream, headers) => {
  let size = 0;
  stream.on('data', (chunk) => { size += chunk.length; });
  stream.on('end', () => {
    stream.additionalHeaders({ ':status': 103 });
    const answer = { ':status': 200, 'x-size': String(size), 'x-path': headers[':path'] };
    stream.respond(answer, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'yes' }));
    stream.end('{"name":"' + headers[':path'] + '"}');
  });
});
server.listen(Number(port), '127.0.0.1');
"""

NGINX = """
daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  keepalive_requests 1000;
  server {{
    listen 127.0.0.1:{port} ssl http2; ssl_certificate {certificate}; ssl_certificate_key {key};
    location / {{ return 200 "$uri"; }}
  }}
}}
"""


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _program(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture
def start(spawn, tmp_path):
    """Start a server by name; return its port."""

    def run(name, port=None):
        port = port or free_port()
        process = spawn(*_command(name, port, loopback_certificate(), tmp_path))
        wait_until(lambda: _listens(port), what=f"{name} on port {port}")
        return port, process

    return run


def _command(name, port, certificate, directory: Path):
    match name:
        case "nghttpd":
            options = [f"--htdocs={directory}", "--echo-upload", "--address=127.0.0.1"]
            return [
                _program("nghttpd"),
                *options,
                str(port),
                certificate.key,
                certificate.certificate,
            ]
        case "nginx":
            text = NGINX.format(
                directory=directory,
                port=port,
                certificate=certificate.certificate,
                key=certificate.key,
            )
            (directory / "nginx.conf").write_text(text)
            return [
                _program("nginx"),
                "-e",
                directory / "error.log",
                "-c",
                directory / "nginx.conf",
            ]
        case "node":
            (directory / "server.js").write_text(NODE)
            return [_program("node"), directory / "server.js", *certificate, str(port)]


@pytest.fixture
def connect():
    made = []

    def make(port, version=ssl.TLSVersion.TLSv1_3, **options):
        tls = trusting()
        tls.maximum_version = version
        made.append(Transport("localhost", port, tls=tls, timeout=20.0, **options))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


def send(transport, paths, bodies=b'{"aps":{}}'):
    return transport.send_many(
        paths, bodies, headers=lambda _: [(b"content-type", b"application/json")]
    )


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", ["nghttpd", "nginx", "node"])
def test_three_thousand_requests_and_their_answers(start, connect, name, version):
    port, _ = start(name)
    paths = [b"/3/device/%064x" % number for number in range(3000)]
    transport = connect(port, version)
    endings = send(transport, paths)
    kinds = Counter((ending.kind, ending.status, ending.detail) for ending in endings)
    assert kinds == {(Ended.ANSWER, 200, ""): 3000}
    if name == "nginx":  # it says GOAWAY after every 1,000 requests
        assert transport.stats.goaways >= 2
        assert [ending.body for ending in endings] == paths
    elif name == "node":
        assert [ending.header("x-path").encode() for ending in endings] == paths
        assert all(ending.body.startswith(b'{"name":"/3/device/') for ending in endings)
    assert transport.stats.stateful == 0


def test_a_server_that_keeps_retiring_connections_is_kept_up_with(start, connect):
    port, _ = start("nginx")
    transport = connect(port)
    endings = send(transport, [b"/3/device/%d" % number for number in range(15_000)])
    assert Counter(ending.kind for ending in endings) == {Ended.ANSWER: 15_000}
    assert transport.stats.goaways >= 10


def test_large_and_different_bodies_come_back_as_they_went(start, connect):
    port, _ = start("nghttpd")
    bodies = [bytes([65 + number]) * (number * 10_000) for number in range(20)]
    endings = send(connect(port), [b"/echo"] * 20, bodies)
    assert [ending.body for ending in endings] == bodies


def test_a_server_that_is_killed_and_restarted(start, connect):
    port, process = start("nghttpd")
    transport = connect(port)
    send(transport, [b"/"] * 10)
    endings = []
    sender = threading.Thread(target=lambda: endings.extend(send(transport, [b"/"] * 20_000)))
    sender.start()
    process.kill()
    sender.join(timeout=20)
    kinds = Counter(ending.kind for ending in endings)
    assert sum(kinds.values()) == 20_000
    assert kinds[Ended.NOT_SENT] > 0
    assert kinds[Ended.UNKNOWN] <= 2000  # at most what two connections had in flight
    start("nghttpd", port)

    def recovered():
        return {ending.kind for ending in send(transport, [b"/"] * 10)} == {Ended.ANSWER}

    wait_until(recovered, what="answers from the restarted server")


@pytest.fixture(scope="module")
def sink():
    try:
        with Sink(delay=5, jitter=20, one_record=True) as running:
            yield running
    except RuntimeError as missing:
        pytest.skip(str(missing))


def test_answers_that_trickle_in_out_of_order_find_their_requests(sink):
    ids = [b"00000000-0000-0000-0000-%012x" % number for number in range(3000)]
    transport = Transport(
        sink.host, sink.port, tls=sink.tls, connections=3, request_id_header=b"apns-id"
    )
    endings = transport.send_many(
        [b"/3/device/%064x" % number for number in range(3000)],
        b"{}",
        headers=lambda _: [],
        request_ids=ids,
    )
    transport.close()
    assert [ending.header("apns-id").encode() for ending in endings] == ids


def test_the_sink_answers_like_fcm_and_its_token_endpoint(sink):
    transport = Transport(sink.host, sink.port, tls=sink.tls)
    sent, token = send(transport, [b"/v1/projects/bench/messages:send", b"/token"])
    transport.close()
    assert b'"name": "projects/bench/messages/0:' in sent.body
    assert b'"access_token":"bench"' in token.body
    with urllib.request.urlopen(f"{sink.url}/token", b"a=b", context=sink.tls) as over_http1:
        assert over_http1.read() == token.body


def test_the_sink_serves_fcm_over_http1_counts_and_is_told_to_be_late(sink):
    before = sink.count()
    sink.answer_after(1)
    with urllib.request.urlopen(f"{sink.url}/v1/projects/a/b", b"{}", context=sink.tls) as answer:
        assert b'"name": "projects/bench/messages/0:' in answer.read()
    sink.answer_after(5, 20)
    assert sink.count() == before + 1

"""The HTTP/2 server against the `h2` library as a client, byte for byte, without a network."""

import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_workers.simulator.http2 import frames
from push_workers.simulator.http2.codec import Codec
from push_workers.simulator.http2.terms import Terms
from push_workers.simulator.messages import Answer
from push_workers.simulator.tally import RequestCounts

HEADERS = [
    (":method", "POST"), (":scheme", "https"), (":authority", "localhost"),
    (":path", "/3/device/ab"),
]  # fmt: skip


def client() -> h2.connection.H2Connection:
    config = h2.config.H2Configuration(header_encoding="utf-8")
    connection = h2.connection.H2Connection(config)
    connection.initiate_connection()
    return connection


def server(**terms) -> Codec:
    return Codec(Terms(**terms), RequestCounts())


def taken(codec: Codec) -> bytes:
    data = b"".join(codec.out.frames)
    codec.out.frames.clear()
    return data


def post(connection, body: bytes, extra=()) -> int:
    stream = connection.get_next_available_stream_id()
    connection.send_headers(stream, [*HEADERS, *extra], end_stream=not body)
    if body:
        connection.send_data(stream, body, end_stream=True)
    return stream


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=8), st.data())
def test_requests_survive_any_cutting_of_the_bytes(bodies, data):
    connection, codec = client(), server()
    streams = [post(connection, body) for body in bodies]
    sent = connection.data_to_send()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=10)))

    requests = []
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        requests += codec.receive(sent[start:end])

    assert [(request.stream, request.body) for request in requests] == list(
        zip(streams, bodies, strict=True)
    )


@given(st.lists(st.tuples(st.integers(200, 599), st.binary(max_size=200)), max_size=20))
def test_answers_are_understood_in_any_order(answers):
    connection, codec = client(), server()
    streams = [post(connection, b"x") for _ in answers]
    codec.receive(connection.data_to_send())

    pairs = list(zip(streams, answers, strict=True))
    for stream, (status, body) in reversed(pairs):
        codec.answer(stream, Answer(status, (("apns-id", f"id-{stream}"),), body))
    statuses, bodies = {}, dict.fromkeys(streams, b"")
    for event in connection.receive_data(taken(codec)):
        if isinstance(event, h2.events.ResponseReceived):
            statuses[event.stream_id] = int(dict(event.headers)[":status"])
        elif isinstance(event, h2.events.DataReceived):
            bodies[event.stream_id] += event.data

    assert statuses == {stream: status for stream, (status, _) in pairs}
    assert bodies == {stream: body for stream, (_, body) in pairs}


def test_trailers_padding_and_continuation_are_read():
    connection, codec = client(), server()
    stream = connection.get_next_available_stream_id()
    connection.send_headers(stream, [*HEADERS, *((f"x-{n}", "v" * 400) for n in range(50))])
    connection.send_data(stream, b"body", pad_length=9)
    connection.send_headers(stream, [("x-trailer", "1")], end_stream=True)

    (request,) = codec.receive(connection.data_to_send())

    assert request.body == b"body"
    assert len(request.headers) == 50


def started(**terms) -> Codec:
    codec = server(**terms)
    codec.receive(client().data_to_send())
    taken(codec)
    return codec


BLOCK = b"\x83\x87\x84"  # :method POST, :scheme https, :path /


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (frames.frame(frames.HEADERS, 5, 2, BLOCK), frames.ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.HEADERS, 5, 1, b"\x80"), frames.ErrorCode.COMPRESSION_ERROR),
        (frames.frame(frames.HEADERS, 1, 1, BLOCK) + frames.frame(frames.PING, 0, 0, bytes(8)),
         frames.ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.CONTINUATION, 4, 1, BLOCK), frames.ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.HEADERS, 4, 1, BLOCK) * 2, frames.ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.HEADERS, 5, 3, BLOCK) + frames.frame(frames.HEADERS, 5, 1, BLOCK),
         frames.ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.DATA, 1, 1, b"x"), frames.ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.HEADERS, 5, 1, BLOCK) + frames.frame(frames.DATA, 1, 1, b"x"),
         frames.ErrorCode.STREAM_CLOSED),
        (frames.frame(frames.HEADERS, 5, 1, BLOCK) * 2, frames.ErrorCode.STREAM_CLOSED),
        (frames.rst_stream(1, 8), frames.ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.DATA, 0, 0, b"x"), frames.ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.PUSH_PROMISE, 4, 1, b""), frames.ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.PING, 0, 0, b"short"), frames.ErrorCode.FRAME_SIZE_ERROR),
        (frames.frame(frames.SETTINGS, 0, 0, b"12345"), frames.ErrorCode.FRAME_SIZE_ERROR),
        (frames.frame(frames.WINDOW_UPDATE, 0, 0, b"1"), frames.ErrorCode.FRAME_SIZE_ERROR),
        (frames.window_update(0, 0), frames.ErrorCode.PROTOCOL_ERROR),
        (frames.window_update(0, 2**31 - 1), frames.ErrorCode.FLOW_CONTROL_ERROR),
        (b"\x00\x40\x01\x00\x00\x00\x00\x00\x01", frames.ErrorCode.FRAME_SIZE_ERROR),
    ],
)  # fmt: skip
def test_a_breach_of_the_protocol_ends_the_connection_with_its_code(frame, code):
    codec = started()

    codec.receive(frame)

    assert codec.finished
    goaway = taken(codec)[-100:]
    assert code.to_bytes(4) in goaway


@pytest.mark.parametrize(
    "extra",
    [("Apns-Topic", "x"), ("connection", "close"), ("content-length", "7")],
)
def test_a_malformed_request_costs_its_stream_only(extra):
    import hpack

    codec = started()
    block = hpack.Encoder().encode([*HEADERS, extra])
    reset = frames.rst_stream(1, frames.ErrorCode.PROTOCOL_ERROR)

    assert codec.receive(frames.frame(frames.HEADERS, 5, 1, block)) == []
    assert reset in taken(codec)
    assert len(codec.receive(frames.frame(frames.HEADERS, 5, 3, BLOCK))) == 1


def test_more_bytes_than_the_window_allows_are_a_breach():
    codec = started(grant_window=False)
    codec.receive(frames.frame(frames.HEADERS, 4, 1, BLOCK))

    for _ in range(4):
        codec.receive(frames.frame(frames.DATA, 0, 1, bytes(16_384)))

    assert codec.finished


def test_a_long_body_is_counted_and_not_kept():
    connection, codec = client(), server()
    stream = connection.get_next_available_stream_id()
    connection.send_headers(stream, HEADERS)
    connection.receive_data(taken(codec))
    for _ in range(20):
        connection.send_data(stream, bytes(10_000))
        codec.receive(connection.data_to_send())
        connection.receive_data(taken(codec))
    connection.end_stream(stream)

    (request,) = codec.receive(connection.data_to_send())

    assert 4096 < len(request.body) <= 65_536


def test_what_does_not_fit_the_clients_window_waits_for_credit():
    codec = started()
    codec.receive(frames.settings({frames.Setting.INITIAL_WINDOW_SIZE: 10}))
    codec.receive(frames.frame(frames.HEADERS, 5, 1, BLOCK))
    taken(codec)

    codec.answer(1, Answer(400, (), b"x" * 30))
    assert b"xxx" not in taken(codec)
    codec.receive(frames.window_update(1, 20))

    assert taken(codec) == frames.frame(frames.DATA, frames.END_STREAM, 1, b"x" * 30)


def test_bytes_that_are_no_http2_are_hung_up_on_without_a_word():
    codec = server()

    codec.receive(b"GET / HTTP/1.1\r\n\r\n")

    assert codec.finished
    assert taken(codec) == b""

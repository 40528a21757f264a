"""GOAWAY, resets, limits and violations: every request in flight gets the one honest ending."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from push_workers.senders.http2 import Ended, frames
from push_workers.senders.http2.answers import MAX_BODY_BYTES
from push_workers.senders.http2.codec import MAX_IDLE_FRAMES
from push_workers.senders.http2.frames import ErrorCode, PeerViolation
from push_workers.senders.http2.requests import Requests
from tests.unit.http2.peer_codec import FIELDS, Writer, codec_with, data_frame, headers_frame


def goaway(last: int, debug: bytes = b"", code: int = 0) -> bytes:
    payload = last.to_bytes(4, "big") + code.to_bytes(4, "big") + debug
    return frames.frame(frames.GOAWAY, 0, 0, payload)


def refused(codec):
    return [(one.request, one.kind, one.detail) for one in codec.answers.returned]


def test_goaway_refuses_later_streams_and_leaves_earlier_ones_waiting():
    codec, results = codec_with(3)
    codec.receive(goaway(1, json.dumps({"reason": "Shutdown"}).encode()))
    assert refused(codec) == [
        (1, Ended.REFUSED, "GoAway:Shutdown"),
        (2, Ended.REFUSED, "GoAway:Shutdown"),
    ]
    assert codec.room == 0
    codec.receive(Writer().answer(1))
    assert results[0].kind is Ended.ANSWER
    assert codec.in_flight == 0


def test_a_goaway_in_two_steps_refuses_nothing_before_the_second():
    codec, _ = codec_with(3)
    codec.receive(goaway(frames.LARGEST))
    assert not refused(codec)
    assert codec.room == 0
    codec.receive(goaway(3))
    assert [request for request, _, _ in refused(codec)] == [2]
    codec.receive(goaway(frames.LARGEST))  # it may not rise again
    assert codec.in_flight == 2
    assert codec._tally.goaways == 1


@pytest.mark.parametrize(
    ("debug", "detail"),
    [
        (b'{"reason":"IdleTimeout","timestamp":1}', "GoAway:IdleTimeout"),
        (b"", "GoAway:EnhanceYourCalm"),
        (b"Maximum active streams violated", "GoAway:EnhanceYourCalm"),
        (b'{"reason":"no spaces, please"}', "GoAway:EnhanceYourCalm"),
        (b'{"reason":7}', "GoAway:EnhanceYourCalm"),
        (b"[" * 5000, "GoAway:EnhanceYourCalm"),
        (b"\xff", "GoAway:EnhanceYourCalm"),
    ],
)
def test_the_reason_of_a_goaway_is_its_json_or_its_code(debug, detail):
    codec, _ = codec_with(1)
    codec.receive(goaway(0, debug, ErrorCode.ENHANCE_YOUR_CALM))
    assert codec.goaway == detail


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        (0, "Reset:NoError"),
        (2, "Reset:InternalError"),
        (8, "Reset:Cancel"),
        (11, "Reset:EnhanceYourCalm"),
        (13, "Reset:Http11Required"),
        (0x1234, "Reset:Code4660"),
    ],
)
def test_a_reset_stream_is_unknown(code, detail):
    codec, results = codec_with(1)
    codec.receive(frames.frame(frames.RST_STREAM, 0, 1, code.to_bytes(4, "big")))
    assert (results[0].kind, results[0].detail) == (Ended.UNKNOWN, detail)


def test_a_refused_stream_was_surely_not_processed():
    codec, _ = codec_with(1)
    codec.receive(frames.reset(1, ErrorCode.REFUSED_STREAM))
    assert refused(codec) == [(0, Ended.REFUSED, "RefusedStream")]


def test_a_stream_refused_after_its_headers_is_unknown():
    codec, results = codec_with(1)
    codec.receive(headers_frame(1, Writer().block((":status", "200"))))
    codec.receive(frames.reset(1, ErrorCode.REFUSED_STREAM))
    assert results[0].kind is Ended.UNKNOWN


def test_the_stream_limit_is_what_the_last_settings_say():
    codec, _ = codec_with(10, stream_cap=500)
    assert codec.room == 490
    for limit, room in ((100, 90), (1, 0), (2000, 490), (0, 0), (11, 1)):
        codec.receive(frames.settings({frames.MAX_CONCURRENT_STREAMS: limit}))
        assert codec.room == room


def test_a_setting_that_appears_twice_counts_as_its_last():
    codec, _ = codec_with(0)
    codec.receive(
        frames.frame(frames.SETTINGS, 0, 0, bytes.fromhex("000300000005" + "000300000007"))
    )
    assert codec.room == 7


def test_settings_and_pings_are_acknowledged():
    codec, _ = codec_with(0)
    codec.receive(frames.settings({}) + frames.frame(frames.PING, 0, 0, b"12345678"))
    assert codec.replies() == (
        frames.frame(frames.SETTINGS, frames.ACK, 0)
        + frames.frame(frames.PING, frames.ACK, 0, b"12345678")
    )
    assert codec.replies() == b""


def test_stream_numbers_end_before_they_overflow():
    codec, _ = codec_with(0)
    codec.outbound.next_stream = frames.LARGEST - 2
    assert codec.room == 2
    codec.begin([None] * 2)
    _, streams = codec.submit(Requests([b"/"] * 2, b"{}"), range(2), FIELDS)
    assert [*streams] == [frames.LARGEST - 2, frames.LARGEST]
    assert codec.finished
    assert codec.room == 0


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("FrameSize", b"\x00\x40\x01\x00\x00\x00\x00\x00\x01"),
        ("FrameSize", frames.frame(frames.RST_STREAM, 0, 1, b"123")),
        ("FrameSize", frames.frame(frames.PING, 0, 0, b"short")),
        ("FrameSize", frames.frame(frames.GOAWAY, 0, 0, b"123456")),
        ("Settings", frames.frame(frames.SETTINGS, 0, 0, b"12345")),
        ("Settings", frames.frame(frames.SETTINGS, frames.ACK, 0, bytes(6))),
        ("MaxFrameSize", frames.settings({frames.MAX_FRAME_SIZE: 16_383})),
        ("InitialWindow", frames.settings({frames.INITIAL_WINDOW_SIZE: 2**31})),
        ("Window", frames.window_update(0, frames.LARGEST)),
        ("WindowUpdate", frames.window_update(0, 0)),
        ("Push", frames.frame(frames.PUSH_PROMISE, frames.END_HEADERS, 1, bytes(4))),
        ("Stream", data_frame(99, b"")),
        ("Stream", headers_frame(2, b"\x88")),
        ("Stream", frames.reset(0, ErrorCode.CANCEL)),
        ("Padding", data_frame(1, b"\x05abc", frames.PADDED)),
        ("Padding", headers_frame(1, b"", frames.PADDED)),
        ("Continuation", frames.frame(frames.CONTINUATION, 0, 1, b"")),
        ("Interleaved", frames.frame(frames.HEADERS, 0, 1, b"\x88") + data_frame(1, b"")),
        ("Headers", headers_frame(1, b"\xff\xff\xff\xff\xff")),
        ("Headers", headers_frame(1, b"\x20\xbe")),  # refers to a table it has emptied
    ],
)
def test_a_broken_rule_ends_the_connection(what, data):
    codec, _ = codec_with(1)
    with pytest.raises(PeerViolation) as caught:
        codec.receive(data)
    assert caught.value.word == f"Protocol:{what}"
    assert codec.in_flight == 1  # whoever owns the connection ends it, as unknown


@pytest.mark.parametrize(
    ("detail", "data"),
    [
        ("Protocol:DataFirst", data_frame(1, b"{}")),
        ("Protocol:Status", headers_frame(1, b"\x20\x0f\x2b\x00", frames.END_STREAM)),
        ("Protocol:Status", headers_frame(1, b"\x20\x08\x03abc")),
        ("Protocol:Status", headers_frame(1, b"\x20\x08\x03103", frames.END_STREAM)),
        ("Protocol:Trailers", headers_frame(1, b"\x20\x88") + headers_frame(1, b"\x00\x01a\x01b")),
    ],
)
def test_a_broken_answer_ends_its_stream_only(detail, data):
    codec, results = codec_with(2)
    codec.receive(data)
    assert results[0].kind is Ended.UNKNOWN
    assert results[0].detail == detail
    assert frames.reset(1, ErrorCode.PROTOCOL_ERROR) in codec.replies()
    assert codec.in_flight == 1


def test_a_stream_window_beyond_its_limit_ends_its_stream_only():
    codec, _ = codec_with(0)
    codec.begin(results := [None] * 2)
    codec.submit(Requests([b"/"] * 2, b"b" * 40_000), range(2), FIELDS)
    codec.receive(frames.window_update(3, frames.LARGEST))
    assert results[1].detail == "Reset:FlowControlError"
    assert codec.in_flight == 1


def test_a_body_beyond_the_limit_is_cut_off_and_unknown():
    codec, results = codec_with(1)
    codec.receive(headers_frame(1, Writer().block((":status", "200"))))
    for _ in range(MAX_BODY_BYTES // 16_384 + 1):
        codec.receive(data_frame(1, b"b" * 16_384, 0))
    assert results[0].detail == "BodyTooLarge"
    assert frames.reset(1, ErrorCode.CANCEL) in codec.replies()


def test_a_header_block_beyond_the_limit_ends_the_connection():
    codec, _ = codec_with(1)
    begun = frames.frame(frames.HEADERS, 0, 1, b"\x88")
    with pytest.raises(PeerViolation, match="HeadersTooLarge"):
        codec.receive(begun + frames.frame(frames.CONTINUATION, 0, 1, bytes(16_384)) * 5)


def test_a_small_block_that_unpacks_into_a_huge_one_ends_the_connection():
    codec, _ = codec_with(1)
    insert = b"\x40\x01a\x7f\xa1\x1e" + b"b" * 4000  # a name of one byte, a value of 4,000
    with pytest.raises(PeerViolation, match="Headers"):
        codec.receive(headers_frame(1, b"\x88" + insert + b"\xbe" * 30))


@pytest.mark.parametrize(
    "data",
    [
        frames.frame(frames.PING, 0, 0, b"12345678"),
        frames.settings({}),
        frames.window_update(1, 1),
        frames.frame(frames.PRIORITY, 0, 1, bytes(5)),
        data_frame(1, b"", 0),
        frames.frame(0xFA, 0, 0),
        headers_frame(1, b"\x20\x08\x03103"),
    ],
)
def test_frames_without_end_and_without_an_answer_end_the_connection(data):
    codec, _ = codec_with(1)
    if data[3] == frames.DATA:
        codec.receive(headers_frame(1, b"\x20\x88"))
    with pytest.raises(PeerViolation, match="Flood"):
        codec.receive(data * (MAX_IDLE_FRAMES + 1))


def test_many_frames_are_no_flood_while_requests_are_answered():
    codec, results = codec_with(100)
    writer = Writer()
    for stream in range(1, 200, 2):
        codec.receive(frames.window_update(stream, 5) * 1000)
        codec.receive(writer.answer(stream))
    assert all(results)


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 3))
def test_garbage_raises_nothing_but_a_violation(garbage, valid):
    codec, _ = codec_with(2)
    codec.receive(frames.settings({}) * valid)
    try:
        codec.receive(garbage)
        codec.replies()
    except PeerViolation:
        pass


frame_kinds = st.integers(0, 10)
plausible = st.lists(
    st.tuples(frame_kinds, st.integers(0, 255), st.integers(0, 6), st.binary(max_size=20)),
    max_size=20,
)


@settings(deadline=None, max_examples=300)
@given(plausible)
def test_any_frames_raise_nothing_but_a_violation_and_end_each_request_once(parts):
    codec, results = codec_with(3)
    try:
        codec.receive(b"".join(frames.frame(*part) for part in parts))
        codec.replies()
    except PeerViolation:
        codec.answers.end_all("Protocol")
    waiting = {*codec.answers.waiting.values()}
    returned = {one.request for one in codec.answers.returned}
    ended = {number for number, ending in enumerate(results) if ending is not None}
    assert len(waiting) + len(returned) + len(ended) == 3
    assert waiting | returned | ended == {0, 1, 2}

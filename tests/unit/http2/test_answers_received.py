"""Every answer ends at its own request, whatever its form and wherever its bytes are cut."""

from hypothesis import given, settings
from hypothesis import strategies as st

from push_workers.senders.http2 import Ended, Replies, frames
from push_workers.senders.http2.header_blocks import MAX_BLOCK_BYTES
from push_workers.senders.http2.requests import Requests
from tests.unit.http2.peer_codec import FIELDS, Writer, codec_with, data_frame, headers_frame

statuses = st.sampled_from([200, 200, 200, 400, 403, 404, 410, 413, 429, 500, 503])
pieces = st.lists(st.binary(max_size=40), max_size=4)
noise = st.sampled_from(
    [
        b"",
        frames.frame(frames.PING, 0, 0, b"12345678"),
        frames.settings({frames.MAX_CONCURRENT_STREAMS: 1, 0x99: 7}),
        frames.window_update(0, 1000),
        frames.frame(0xFA, 0xFF, 1, b"unknown"),
        frames.frame(frames.PRIORITY, 0, 3, bytes(5)),
    ]
)


@st.composite
def servers(draw):
    """A server's bytes for some requests, in any order, and what they say."""
    count = draw(st.integers(1, 12))
    writer = Writer(obeys=draw(st.booleans()))
    data, expected = [], {}
    for request in draw(st.permutations(range(count))):
        stream = 2 * request + 1
        status, parts = draw(statuses), draw(pieces)
        data += [draw(noise), *_answer(draw, writer, stream, status, parts)]
        expected[request] = (status, b"".join(parts), f"id-{request}")
    return count, b"".join(data), expected


def _answer(draw, writer, stream, status, parts):
    for _ in range(draw(st.integers(0, 2))):
        yield headers_frame(stream, writer.block((":status", "103"), ("link", "</a>")))
    trailers = draw(st.booleans())
    fields = ((":status", str(status)), ("apns-id", f"id-{stream // 2}"), ("date", "today"))
    block = writer.block(*fields)
    ends = 0 if parts or trailers else frames.END_STREAM
    yield from _cut_block(draw, stream, block, ends)
    for number, part in enumerate(parts, 1):
        last = number == len(parts) and not trailers
        padding = draw(st.integers(0, 3))
        flags = (frames.END_STREAM if last else 0) | frames.PADDED
        yield data_frame(stream, bytes((padding,)) + part + bytes(padding), flags)
    if trailers:
        yield headers_frame(stream, writer.block(("checksum", "1")), frames.END_STREAM)


def _cut_block(draw, stream, block, flags):
    """One HEADERS frame, padded or with a priority or with CONTINUATIONs."""
    form = draw(st.integers(0, 3))
    if form == 1:
        yield headers_frame(stream, b"\x02" + block + bytes(2), flags | frames.PADDED)
    elif form == 2:
        yield headers_frame(stream, bytes(5) + block, flags | frames.PRIORITISED)
    elif form == 3:
        yield frames.frame(frames.HEADERS, flags, stream, block[:3])
        yield frames.frame(frames.CONTINUATION, 0, stream, block[3:5])
        yield frames.frame(frames.CONTINUATION, frames.END_HEADERS, stream, block[5:])
    else:
        yield headers_frame(stream, block, flags)


@settings(deadline=None, max_examples=200)
@given(servers(), st.data())
def test_every_answer_ends_at_its_own_request(server, data):
    count, stream, expected = server
    codec, results = codec_with(count)
    _receive_in_parts(codec, stream, data)
    assert codec.in_flight == 0
    read = {
        number: (ending.status, ending.body, ending.header("apns-id"))
        for number, ending in enumerate(results)
    }
    assert read == expected
    assert all(ending.kind is Ended.ANSWER and ending.detail == "" for ending in results)


@settings(deadline=None, max_examples=100)
@given(servers(), st.data())
def test_of_an_answer_200_the_body_alone_is_kept_where_no_more_is_asked(server, data):
    count, stream, expected = server
    codec, results = codec_with(count, brief=True)
    _receive_in_parts(codec, stream, data)
    assert codec.in_flight == 0
    replies = Replies.of(results)
    assert len(replies) == count
    taken = [body for _, (status, body, _) in sorted(expected.items()) if status == 200]
    assert replies.bodies == taken
    others = {
        number: (ending.status, ending.body, ending.header("apns-id"))
        for number, ending in replies.others.items()
    }
    assert others == {number: said for number, said in expected.items() if said[0] != 200}


def test_answers_of_two_frames_are_read_in_whatever_order_the_frames_come():
    codec, results = codec_with(5, brief=True)
    block = Writer().block((":status", "200"), ("server", "x"))
    streams = (3, 5, 7, 9)
    codec.receive(headers_frame(1, block, frames.END_STREAM))
    heads = b"".join(headers_frame(stream, block[1:]) for stream in streams)
    codec.receive(heads + data_frame(9, b"") + data_frame(7, b"in two", 0) + data_frame(3, b"a"))
    assert results == [b"", b"a", None, None, b""]
    codec.receive(data_frame(7, b" parts") + data_frame(3, b"late") + data_frame(5, b"b"))
    assert results == [b"", b"a", b"b", b"in two parts", b""]


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_many_answers_at_once_are_read_as_byte_by_byte(data):
    streams = data.draw(st.permutations(range(3, 41, 2)))
    odd = data.draw(st.sets(st.sampled_from(streams), max_size=3))
    late = data.draw(st.sets(st.sampled_from(streams), max_size=2))
    heads = [headers_frame(s, b"\x8c" if s in odd else b"\x88") for s in streams if s % 4 == 1]
    whole = [
        headers_frame(s, b"\x8c" if s in odd else b"\x88", frames.END_STREAM)
        for s in streams
        if s % 4 == 3
    ]
    bodies = [data_frame(s, b"body%03d" % s) for s in streams if s % 4 == 1]
    sent = b"".join([*heads, *whole, *bodies[:7], data_frame(41, b"nobody's"), *bodies[7:]])
    read = []
    for step in (1, len(sent)):
        codec, results = codec_with(22, brief=True)
        codec.receive(headers_frame(1, b"\x20\x88", frames.END_STREAM))
        for stream in late:
            codec.receive(frames.frame(frames.RST_STREAM, 0, stream, bytes(4)))
        for start in range(0, len(sent), step):
            codec.receive(sent[start : start + step])
        read.append(
            [one if one is None or isinstance(one, bytes) else repr(one) for one in results]
        )
    assert read[0] == read[1]
    assert {n: one for n, one in enumerate(read[1]) if isinstance(one, bytes)} == {
        0: b"",
        **{
            s // 2: b"body%03d" % s if s % 4 == 1 else b""
            for s in streams
            if s not in {*odd, *late}
        },
    }


def test_a_peer_that_obeys_our_table_size_is_read_without_decoding():
    codec, results = codec_with(3)
    writer = Writer()
    for stream in (1, 3, 5):
        codec.receive(writer.answer(stream, 200, ("apns-id", str(stream))))
    assert codec.answers.blocks.self_contained
    assert isinstance(results[2]._headers, bytes)
    assert [ending.header("Apns-Id") for ending in results] == ["1", "3", "5"]
    assert codec._tally.stateful == 0


def test_a_peer_that_ignores_our_table_size_is_noticed_and_read_all_the_same():
    codec, results = codec_with(3)
    writer = Writer(obeys=False)
    for stream in (1, 3, 5):
        codec.receive(writer.answer(stream, 200, ("apns-id", "the same")))
    assert [ending.header("apns-id") for ending in results] == ["the same"] * 3
    assert not codec.answers.blocks.self_contained
    assert codec._tally.stateful == 1


def test_headers_of_a_stream_nobody_waits_for_keep_the_table_in_step():
    codec, results = codec_with(2)
    writer = Writer(obeys=False)
    results_before = codec.cancel("Timeout")
    assert results_before.count(frames.reset(1, 8)) == 1
    codec.begin(fresh := [None])
    _submit_one(codec)
    codec.receive(writer.answer(1, 200, ("apns-id", "late")))
    codec.receive(writer.answer(5, 200, ("apns-id", "late")))
    assert fresh[0].header("apns-id") == "late"
    assert [ending.kind for ending in results] == [Ended.UNKNOWN] * 2


def test_an_answer_that_comes_after_its_cancellation_is_ignored():
    codec, results = codec_with(1)
    codec.cancel("Timeout")
    codec.receive(Writer().answer(1))
    codec.receive(data_frame(1, b"late"))
    assert results[0].kind is Ended.UNKNOWN
    assert results[0].detail == "Timeout"


def test_a_body_of_any_size_below_the_limit_is_kept_whole():
    codec, results = codec_with(1)
    codec.receive(headers_frame(1, Writer().block((":status", "502"))))
    for _ in range(30):
        codec.receive(data_frame(1, b"<html>" * 2000, 0))
    codec.receive(data_frame(1, b"", frames.END_STREAM))
    assert results[0].body == b"<html>" * 60_000


def test_bodies_of_one_frame_are_acknowledged_as_well():
    codec, _ = codec_with(600, brief=True)
    block = Writer().block((":status", "200"))
    codec.receive(headers_frame(1, block, frames.END_STREAM))
    acknowledged = 0
    for stream in range(3, 1200, 2):
        codec.receive(headers_frame(stream, block[1:]) + data_frame(stream, b"b" * 16_384))
        acknowledged += sum(_increments(codec.replies()))
    assert codec.in_flight == 0
    assert 0 < acknowledged <= 599 * 16_384


def test_received_bytes_are_acknowledged_so_that_the_window_never_closes():
    codec, _ = codec_with(1)
    codec.receive(headers_frame(1, Writer().block((":status", "200"))))
    acknowledged = received = 0
    for _ in range(40):  # of a cancelled stream as well: the connection's window is shared
        for _ in range(20):
            codec.receive(data_frame(1, b"b" * 16_384, 0))
            received += 16_384
        acknowledged += sum(_increments(codec.replies()))
    assert 0 <= received - acknowledged <= 8 * 1024 * 1024 + 20 * 16_384


def test_a_header_that_is_missing_or_unreadable_is_none():
    codec, results = codec_with(2)
    codec.receive(headers_frame(1, b"\x20\x88", frames.END_STREAM))
    codec.receive(headers_frame(3, b"\x88\xff\xff\xff\xff\xff", frames.END_STREAM))
    assert results[0].header("apns-id") is None
    assert results[1].status == 200
    assert results[1].header("apns-id") is None


def test_large_headers_are_read_up_to_the_limit():
    codec, results = codec_with(1)
    block = Writer().block((":status", "200"), ("x-large", "\x01" * (MAX_BLOCK_BYTES // 8)))
    first, rest = block[:10_000], block[10_000:]
    codec.receive(frames.frame(frames.HEADERS, frames.END_STREAM, 1, first))
    while rest:
        piece, rest = rest[:10_000], rest[10_000:]
        codec.receive(
            frames.frame(frames.CONTINUATION, 0 if rest else frames.END_HEADERS, 1, piece)
        )
    assert len(results[0].header("x-large")) == MAX_BLOCK_BYTES // 8


def _receive_in_parts(codec, stream, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        codec.receive(stream[start:end])


def _increments(data):
    while data:
        size = int.from_bytes(data[:3], "big")
        if data[3] == frames.WINDOW_UPDATE:
            yield int.from_bytes(data[9:13], "big")
        data = data[9 + size :]


def _submit_one(codec):
    codec.submit(Requests([b"/"], b"{}"), range(1), FIELDS)

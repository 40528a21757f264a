"""What we send is what an independent implementation (h2) reads."""

import h2.events
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from push_workers.senders.http2 import frames
from push_workers.senders.http2.codec import OPENING, Codec
from push_workers.senders.http2.requests import Column, Requests
from push_workers.senders.http2.stats import RunningTotals
from tests.unit.http2.peer_codec import FIELDS, Reader, codec_with, talk

printable = st.text("abcdef0123456789/-_", min_size=1, max_size=150).map(str.encode)
sizes = st.sampled_from([0, 1, 300, 300, 16_384, 70_000])


@st.composite
def alike(draw):
    """Requests of one shape, as a batch mostly has."""
    path, size, name = draw(printable), draw(sizes), draw(printable)
    return [(path + b"%02d" % n, size, b"%02d" % n + name) for n in range(draw(st.integers(1, 40)))]


@st.composite
def uneven(draw):
    """Requests of which the bodies alone differ in length, as with words for each device."""
    path, name = draw(printable), draw(printable)
    longest = draw(st.sampled_from([3, 400, 400, 16_384, 17_000]))
    each = st.integers(draw(st.sampled_from([0, 1, 1, 1])), longest)
    sizes = draw(st.lists(each, min_size=2, max_size=40))
    return [(path + b"%02d" % n, size, b"%02d" % n + name) for n, size in enumerate(sizes)]


requests = (
    alike() | uneven() | st.lists(st.tuples(printable, sizes, printable), min_size=1, max_size=12)
)
peer_settings = st.fixed_dictionaries(
    {},
    optional={
        "INITIAL_WINDOW_SIZE": st.sampled_from([500, 16_384, 65_535, 90_000]),
        "MAX_FRAME_SIZE": st.integers(16_384, 40_000),
        "HEADER_TABLE_SIZE": st.integers(0, 5000),
    },
)


@settings(deadline=None, max_examples=90)
@given(requests, peer_settings, st.booleans(), st.integers(1, 12), st.booleans())
def test_h2_reads_every_request_as_it_was_given(requests, announced, settings_first, chunk, begun):
    paths, sizes, ids = zip(*requests, strict=True)
    bodies = [b"%d" % n * (size // len(b"%d" % n)) for n, size in enumerate(sizes)]
    given = Requests(paths, bodies, ids)
    if begun:  # what all begin with is said once
        given = Requests.of(Column(b"/3/device/", paths), bodies, Column(b"id-", ids))
        paths, ids = [b"/3/device/" + path for path in paths], [b"id-" + one for one in ids]
    codec = Codec(RunningTotals(), id_header=b"apns-id")
    codec.begin([None] * len(paths))
    reader = Reader(**announced)
    codec.receive(reader.read(OPENING))
    if settings_first:
        reader.read(codec.replies())
    sent = 0
    while sent < len(paths):
        indexes = range(sent, min(sent + chunk, len(paths)))
        data, streams = codec.submit(given, indexes, FIELDS)
        assert streams, "the windows were opened again"
        sent += len(streams)
        talk(codec, reader, data)
    expected = [
        (path, body, request_id) for path, body, request_id in zip(paths, bodies, ids, strict=True)
    ]
    streams = range(1, 2 * len(paths), 2)
    assert sorted(reader.ended) == [*streams]
    read = [
        (reader.path(s), reader.bodies[s], dict(reader.headers[s])[b"apns-id"]) for s in streams
    ]
    assert read == expected
    assert all(set(FIELDS) <= set(reader.headers[stream]) for stream in streams)


def test_headers_that_change_between_calls_stay_readable():
    codec, reader = Codec(RunningTotals()), Reader()
    codec.begin([None] * 90)
    talk(codec, reader, OPENING)
    for call in range(90):
        fields = (
            *FIELDS,
            (b"apns-collapse-id", b"run-%d" % call),
            (b"apns-expiration", b"%d" % call),
        )
        data, streams = codec.submit(Requests([b"/"] * 90, b"{}"), range(call, call + 1), fields)
        talk(codec, reader, data)
        assert set(fields) <= set(reader.headers[streams[0]])


def test_one_body_serves_all_requests():
    codec, reader = Codec(RunningTotals()), Reader()
    codec.begin([None] * 3)
    talk(codec, reader, OPENING)
    talk(
        codec, reader, codec.submit(Requests([b"/a", b"/bb", b"/c"], b"same"), range(3), FIELDS)[0]
    )
    assert reader.bodies == {1: b"same", 3: b"same", 5: b"same"}


def test_requests_sent_again_are_taken_by_their_numbers():
    codec, reader = Codec(RunningTotals()), Reader()
    codec.begin([None] * 4)
    talk(codec, reader, OPENING)
    requests = Requests([b"/0", b"/1", b"/2", b"/3"], [b"0", b"1", b"2", b"3"])
    talk(codec, reader, codec.submit(requests, [3, 1], FIELDS)[0])
    assert [(reader.path(stream), reader.bodies[stream]) for stream in (1, 3)] == [
        (b"/3", b"3"),
        (b"/1", b"1"),
    ]


def test_an_empty_body_ends_with_its_headers():
    codec, reader = Codec(RunningTotals()), Reader()
    codec.begin([None])
    talk(codec, reader, OPENING)
    talk(codec, reader, codec.submit(Requests([b"/"], b""), range(1), FIELDS)[0])
    assert reader.ended == [1]


def test_nothing_is_sent_beyond_the_window_of_the_connection():
    codec, reader = Codec(RunningTotals()), Reader()
    codec.begin([None] * 100)
    reader.read(OPENING)
    data, streams = codec.submit(Requests([b"/"] * 100, b"b" * 1000), range(100), FIELDS)
    assert len(streams) == 66  # 65 bodies of 1,000 bytes and a part of one more: 65,535
    assert codec.room == 0
    reader.read(data, acknowledge=False)
    assert sum(map(len, reader.bodies.values())) == frames.DEFAULT_WINDOW


def test_of_bodies_that_differ_as_many_are_sent_as_the_window_has_room_for():
    codec, reader = Codec(RunningTotals()), Reader()
    codec.begin([None] * 100)
    reader.read(OPENING)
    bodies = [b"b" * (950 + n) for n in range(100)]
    data, streams = codec.submit(Requests([b"/"] * 100, bodies), range(100), FIELDS)
    assert len(streams) == 67
    assert codec.room == 0
    reader.read(data, acknowledge=False)
    assert [len(reader.bodies[stream]) for stream in streams[:-1]] == [*range(950, 1016)]
    assert sum(map(len, reader.bodies.values())) == frames.DEFAULT_WINDOW


def test_the_rest_of_a_body_follows_when_the_window_opens():
    codec, reader = Codec(RunningTotals()), Reader(INITIAL_WINDOW_SIZE=10)
    codec.begin([None])
    talk(codec, reader, OPENING)
    data, _ = codec.submit(Requests([b"/"], b"b" * 25), range(1), FIELDS)
    reader.read(data, acknowledge=False)
    assert reader.bodies[1] == b"b" * 10
    codec.receive(frames.window_update(1, 4))
    assert codec.replies() == frames.frame(frames.DATA, 0, 1, b"b" * 4)
    codec.receive(frames.window_update(1, 100))
    assert codec.replies() == frames.frame(frames.DATA, frames.END_STREAM, 1, b"b" * 11)


def test_a_window_lowered_below_what_was_sent_must_be_earned_back():
    codec, _ = codec_with(0)
    codec.begin([None])
    codec.submit(Requests([b"/"], b"b" * 100_000), range(1), FIELDS)
    codec.receive(frames.window_update(0, 100_000))
    assert not codec.replies()  # the stream's own window is used up
    codec.receive(frames.settings({frames.INITIAL_WINDOW_SIZE: 65_535 - 1000}))
    codec.receive(frames.window_update(1, 1000))
    assert codec.replies() == frames.frame(frames.SETTINGS, frames.ACK, 0)
    codec.receive(frames.window_update(1, 5))
    assert codec.replies() == frames.frame(frames.DATA, 0, 1, b"b" * 5)


def test_an_answer_before_the_end_of_the_body_cancels_the_rest():
    codec, reader = Codec(RunningTotals()), Reader()
    results = [None]
    codec.begin(results)
    talk(codec, reader, OPENING)
    data, _ = codec.submit(Requests([b"/"], b"b" * 100_000), range(1), FIELDS)
    reader.read(data, acknowledge=False)
    reader.h2.send_headers(1, [(":status", "413")], end_stream=True)
    codec.receive(reader.h2.data_to_send())
    reader.read(codec.replies())
    assert results[0].status == 413
    assert any(isinstance(event, h2.events.StreamReset) for event in reader.events)


def test_paths_and_bodies_must_be_as_many():
    with pytest.raises(ValueError, match="2 paths, but 1 bodies or ids"):
        Requests([b"/a", b"/b"], [b"{}"])

"""Both ends of HPACK stay in step, whatever is sent and however the table changes."""

from hpack import Decoder
from hypothesis import given, settings
from hypothesis import strategies as st

from push_workers.senders.http2.hpack_encoder import TABLE_LIMIT, HeaderEncoder

names = st.sampled_from(
    [b":method", b":authority", b"authorization", b"apns-topic", b"x-" + b"n" * 40]
)
values = st.one_of(
    st.sampled_from([b"POST", b"", b"com.example.app", b"bearer " + b"e" * 300]),
    st.binary(max_size=60),
    st.integers(0, 300).map(lambda size: b"v" * size),
)
headers = st.lists(st.tuples(names, values), max_size=12)
steps = st.lists(
    st.one_of(headers, st.one_of(st.integers(0, 300), st.integers(0, 70_000))), max_size=30
)


@settings(deadline=None)
@given(steps)
def test_the_peer_reads_what_was_encoded_and_holds_the_same_table(steps):
    encoder, decoder = HeaderEncoder(), Decoder()
    for step in steps:
        if isinstance(step, int):
            encoder.resize(step)
            decoder.max_allowed_table_size = step
            continue
        block = encoder.encode(step)
        decoded = decoder.decode(block.update + block.fields, raw=True)
        assert [(bytes(n), bytes(v)) for n, v in decoded] == step
        assert [*decoder.header_table.dynamic_entries] == [*encoder._entries]


@given(headers, st.integers(0, 600))
def test_the_same_headers_soon_change_the_table_no_more(fields, limit):
    encoder = HeaderEncoder()
    encoder.resize(limit)
    blocks = [encoder.encode(fields) for _ in range(len(fields) + 2)]
    assert blocks[-1].steady
    assert not blocks[-1].update


def test_headers_that_repeat_cost_a_byte_each():
    fields = [(b":method", b"POST"), (b"authorization", b"b" * 500), (b"apns-topic", b"com.a")]
    encoder = HeaderEncoder()
    first, second = encoder.encode(fields), encoder.encode(fields)
    assert not first.steady
    assert second.steady
    assert len(second.fields) == len(fields)


def test_headers_that_come_again_are_read_as_they_are_where_others_came_between():
    ours = [(b"authorization", b"a" * 50), (b"apns-topic", b"com.a")]
    others = [(b"authorization", b"b" * 50), (b"apns-topic", b"com.b")]
    encoder, decoder = HeaderEncoder(), Decoder()
    for fields in (ours, ours, [*ours], others, [*ours], ours, others, others, [*ours]):
        block = encoder.encode(fields)
        decoded = decoder.decode(block.update + block.fields, raw=True)
        assert [(bytes(n), bytes(v)) for n, v in decoded] == fields


def test_a_table_of_size_0_is_announced_and_never_used():
    encoder = HeaderEncoder()
    encoder.resize(0)
    block = encoder.encode([(b"a", b"b")])
    assert block.update == b"\x20"
    assert not encoder._entries
    assert encoder.encode([(b"a", b"b")]).steady


def test_a_table_that_shrank_and_grew_between_two_blocks_announces_both_sizes():
    encoder = HeaderEncoder()
    encoder.encode([(b"a", b"b")])
    encoder.resize(0)
    encoder.resize(TABLE_LIMIT)
    assert encoder.encode([(b"a", b"b")]).update == b"\x20\x3f\xe1\x1f"


def test_a_larger_table_than_needed_is_not_announced():
    encoder = HeaderEncoder()
    encoder.resize(65_536)
    assert not encoder.encode([(b"a", b"b")]).update

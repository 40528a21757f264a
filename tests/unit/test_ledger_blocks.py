"""Who was accepted, a bit each: what is written of a batch is read back, slice after slice."""

from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.ledger.blocks import FULL, Block, append, is_full, read_blocks
from push_pipeline.ledger.deliveries import small_ones_together


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=40), min_size=1, max_size=8))
def test_the_accepted_of_each_slice_are_read_as_they_were_written(slices: list[list[bool]]) -> None:
    members = [key * 7 for key in range(sum(map(len, slices)))]
    blocks, start, written = None, 0, []
    for now, slice_ in enumerate(slices):
        mine = members[start : start + len(slice_)]
        accepted = [key for key, taken in zip(mine, slice_, strict=True) if taken]
        blocks = append(blocks, Block.of(start, mine, accepted, now))
        written.append((start, start + len(slice_), now, accepted))
        start += len(slice_)

    assert blocks is not None
    found = list(read_blocks(blocks))
    assert [(one.start, one.end, one.settled_at) for one in found] == [one[:3] for one in written]
    assert [list(one.chosen(members)) for one in found] == [one[3] for one in written]


def test_a_slice_that_was_accepted_as_a_whole_has_no_bits() -> None:
    block = Block.of(0, range(1000), range(1000), 1)

    assert block.bits is None
    assert len(append(None, block)) < 20


def test_a_batch_of_very_many_slices_is_full_in_the_end() -> None:
    blocks = None
    for place in range(1000):
        if is_full(blocks):
            break
        blocks = append(blocks, Block.of(place, [place], [place], 1))

    assert blocks is not None
    assert FULL <= len(blocks) < FULL + 200


def test_runs_are_read_together_up_to_a_number_of_devices() -> None:
    runs = [(1, 2), (2, 0), (3, 3), (4, 9), (5, 0), (6, 1)]

    assert list(small_ones_together(runs, 6)) == [[1, 2, 3], [4], [5, 6]]
    assert list(small_ones_together([], 6)) == []

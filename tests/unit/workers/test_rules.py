"""The small pure rules of the workers: claiming, slicing, cutting, waiting, naming."""

import random
import uuid
from array import array
from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.ledger.members import pack, pack_closely, unpack
from push_pipeline.ledger.notification_id import id_parts, notification_ids
from push_pipeline.ledger.values import Standing
from push_pipeline.outcome import Outcome, Settled
from push_workers.delivery.backoff import LONGEST_RETRY_AFTER, LONGEST_WAIT, Backoff
from push_workers.delivery.claim import (
    MAX_STALLS,
    Leave,
    Park,
    Send,
    SettleRest,
    cut_slices,
    decide,
    without_others_hold,
)
from push_workers.fanout.fan_out import cut_evenly
from push_workers.senders.base import Ids

NOW = 1_000_000
WINDOW = 512
BATCH = Standing(
    id=1, run_id=1, platform="IOS", environment="production", bulk=False, members=b"",
    size=1000, attempt=1, doubtful=False, not_before=NOW, lease_until=None, claims=0, stalls=0,
    settled=0, doubt_end=0, badged=0, reasons=None, blocks=None, finished_at=None, app_id="A",
    run_state="sending",
    run_expires_at=NOW + 1, run_audience=1000, guarded=True, stopped_routes=None,
    credential_id=1, credential_version=1,
    paused_until=None, held_reason=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("row", "decision"),
    [
        ({}, Send(WINDOW)),
        ({"lease_until": NOW - 1, "claims": 1}, Send(WINDOW)),
        ({"run_state": "fanning"}, Send(WINDOW)),
        ({"paused_until": NOW}, Send(WINDOW)),
        ({"held_reason": "InvalidProviderToken"}, Send(1)),
        ({"troubled_since": NOW - 9}, Send(1)),
        ({"paused_until": NOW + 9}, Park(NOW + 9)),
        ({"finished_at": NOW}, Leave()),
        ({"lease_until": NOW}, Leave()),
        ({"not_before": NOW + 1}, Leave()),
        ({"run_state": "paused"}, Leave()),
        ({"stopped_routes": {"production": "why"}}, Park(NOW + 1)),
        ({"stopped_routes": {"": "why"}}, Send(WINDOW)),
        ({"run_state": "cancelled"}, SettleRest(Settled.CANCELLED, "Cancelled")),
        ({"run_expires_at": NOW}, SettleRest(Settled.EXPIRED, "Expired")),
        ({"credential_id": None}, SettleRest(Settled.REJECTED, "NoCredential")),
        ({"stalls": MAX_STALLS}, SettleRest(Settled.REJECTED, "Abandoned")),
    ],
)
def test_a_batchs_row_decides_what_a_worker_does_with_it(row: dict, decision: object) -> None:
    assert decide(BATCH._replace(**row), NOW, WINDOW) == decision


@pytest.mark.parametrize(
    ("reason", "platform", "decision"),
    [
        ("THIRD_PARTY_AUTH_ERROR", "ANDROID", Send(WINDOW)),
        ("THIRD_PARTY_AUTH_ERROR", "IOS", Park(NOW + 9)),
        ("PERMISSION_DENIED", "ANDROID", Park(NOW + 9)),
    ],
)
def test_a_key_that_apple_refuses_holds_no_android(reason, platform, decision) -> None:
    held = BATCH._replace(
        held_reason=reason, paused_until=NOW + 9, troubled_since=NOW, platform=platform
    )
    assert decide(without_others_hold(held), NOW, WINDOW) == decision


@given(
    size=st.integers(1, 1000),
    window=st.integers(1, 1000),
    first=st.integers(1, 1000),
    data=st.data(),
)
def test_slices_cover_what_is_open_once_and_doubt_comes_first(
    size: int, window: int, first: int, data: st.DataObject
) -> None:
    settled = data.draw(st.integers(0, size - 1))
    noted = data.draw(st.integers(settled, size))
    batch = BATCH._replace(size=size, settled=settled, doubt_end=noted)

    slices = list(cut_slices(batch, first, window))

    covered = [key for part in slices for key in range(part.start, part.end)]
    assert covered == list(range(settled, size))
    assert [part.next_end for part in slices[:-1]] == [part.end for part in slices[1:]]
    assert all(part.end - part.start <= window for part in slices[1:])
    assert [part.doubtful for part in slices] == [noted > settled] + [False] * (len(slices) - 1)
    if noted > settled:
        assert slices[0].end == noted


@given(st.integers(0, 5000), st.integers(1, 1000))
def test_a_page_is_cut_into_as_few_batches_as_possible_of_even_sizes(count: int, most: int) -> None:
    parts = list(cut_evenly(array("q", range(count)), most))

    assert [key for part in parts for key in part] == list(range(count))
    sizes = {len(part) for part in parts}
    assert not parts or max(sizes) <= most
    assert len(parts) == -(-count // most)
    assert not parts or max(sizes) - min(sizes) <= 1


@given(st.lists(st.integers(1, 2**63 - 1), max_size=1000))
def test_packed_members_are_read_back_as_they_were(keys: list[int]) -> None:
    assert unpack(pack(keys)) == keys
    assert unpack(pack_closely(keys)) == keys


@given(
    st.integers(1, 2**62),
    st.lists(st.integers(0, 2**33) | st.integers(0, 300) | st.integers(0, 2), max_size=1000),
)
def test_members_that_ascend_are_read_back_from_their_steps(first: int, steps: list[int]) -> None:
    keys = list(accumulate(steps, initial=first))

    packed = pack_closely(array("q", keys))

    assert unpack(packed) == keys
    assert len(packed) <= len(pack(keys))


def test_members_that_lie_close_together_take_a_byte_each() -> None:
    keys = range(10**9, 10**9 + 1000 * 200, 200)

    assert len(pack(keys)) == 8_000
    assert len(pack_closely(keys)) < 1_020
    assert len(pack_closely([7])) == 8


@given(st.lists(st.integers(1, 2**60 - 1), unique=True, max_size=50), st.integers(1, 9))
def test_a_notifications_id_is_a_uuid_of_its_run_and_device(keys: list[int], n: int) -> None:
    ids = notification_ids("message:A", n, keys)

    assert ids == notification_ids("message:A", n, keys)
    assert len({*ids, *notification_ids("message:A", n + 1, keys)}) == 2 * len(keys)
    for key, made in zip(keys, ids, strict=True):
        assert str(uuid.UUID(made)) == made
        assert uuid.UUID(made).version == 8
        assert uuid.UUID(made).int % 2**48 == key % 2**48
        assert uuid.UUID(made).int >> 48 & 0xFFF == key >> 48


def test_the_ids_of_a_run_are_made_when_somebody_asks() -> None:
    made = []

    def parts() -> tuple[bytes, Sequence[bytes]]:
        made.append("parts")
        return id_parts("message:A", 1, [7, 8])

    ids = Ids(2, parts)
    assert len(ids) == 2
    assert not made
    assert [*ids] == notification_ids("message:A", 1, [7, 8])
    assert b"".join((ids.parts[0], ids.parts[1][1])).decode() == ids[1]
    assert made == ["parts"]


@given(
    st.sampled_from([Outcome.UNAVAILABLE, Outcome.THROTTLED, Outcome.UNKNOWN]),
    st.integers(1, 100),
    st.floats(-10, 1e9) | st.none(),
    st.booleans(),
)
def test_a_wait_is_never_negative_and_never_endless(
    outcome: Outcome, attempt: int, retry_after: float | None, patient: bool
) -> None:
    backoff = Backoff(max_attempts=50, patient=patient)

    wait = backoff.wait(outcome, attempt, retry_after, random.Random(attempt))

    assert backoff.is_exhausted(attempt) is (attempt >= 50)
    assert 10 <= wait <= max(LONGEST_WAIT * 1.25, LONGEST_RETRY_AFTER)


def test_waits_double_until_the_longest() -> None:
    backoff = Backoff(max_attempts=99, factor=1.0)
    waits = [
        backoff.wait(Outcome.UNAVAILABLE, attempt, None, random.Random(0))
        for attempt in range(1, 15)
    ]

    assert 10 <= waits[0] <= 12.5
    assert waits == sorted(waits)
    assert waits[-1] <= LONGEST_WAIT * 1.25

"""Devices as columns say what one by one they would."""

import pytest

from push_workers.delivery.claim import Reach
from push_workers.senders.base import Target, Targets
from push_workers.senders.provider_sender import encoded

MIXED = [
    Target(7, "token-7", "token"),
    Target(3, "fid-3", "fid"),
    Target(5, "token-5", "token", "live-5"),
]


def test_columns_are_the_devices_in_their_order() -> None:
    columns = Targets.of(MIXED)
    assert list(columns) == MIXED
    assert list(columns.only([2, 0])) == [MIXED[2], MIXED[0]]
    assert list(columns[1:]) == MIXED[1:]
    assert Targets.of(columns) is columns
    assert len(Targets.of([])) == 0


def test_devices_of_one_kind_say_it_once() -> None:
    alike = Targets([1, 2], ["a", "b"], "apns")
    assert list(alike) == [Target(1, "a", "apns"), Target(2, "b", "apns")]
    assert list(alike.only([1])) == [Target(2, "b", "apns")]


@pytest.mark.parametrize("keys", [[5, 7], [7, 4, 3], [], [9]])
def test_members_are_found_as_far_as_they_are_reached(keys: list[int]) -> None:
    by_key = {one.device_key: one for one in MIXED}
    reach = Reach.of(MIXED)
    assert list(reach.among(keys)) == [by_key[key] for key in keys if key in by_key]
    assert (sorted(reach), len(reach)) == ([3, 5, 7], 3)
    alike = Reach({1: "a", 2: "b"}, "apns")
    assert list(alike.among([2, 3])) == [Target(2, "b", "apns")]


def test_texts_are_encoded_each() -> None:
    assert encoded(["a", "b:c"]) == [b"a", b"b:c"]
    assert encoded(["ab"]) == [b"ab"]
    assert encoded([]) == []

"""Who has to leave or change when devices register; the rounds are tested with whole lists."""

import pytest

from push_pipeline.devices.conflicts import Holder, Room, in_rounds, plan_room
from push_pipeline.devices.possession import HOST, Claimant
from push_pipeline.devices.registration import Registration
from push_pipeline.platform import Platform

NOW = 1_000


def coming(device_id: str, token: str, claimant: Claimant = HOST) -> Registration:
    return Registration(device_id, token, "apns", Platform.IOS, claimant=claimant)


def holding(
    key: int, device_id: str, token: str, user: str | None = None, ends: int | None = None
) -> Holder:
    return Holder(key, token, device_id, user, ends)


def test_who_is_known_and_keeps_its_token_stays() -> None:
    room = plan_room([coming("a", "t")], [holding(1, "a", "t", "ann")], NOW)
    assert room == Room([], [], [], {"a": 1}, {})


def test_a_token_leaves_with_the_device_that_had_it() -> None:
    room = plan_room([coming("new", "t")], [holding(1, "old", "t")], NOW)
    assert room == Room([1], [], [], {}, {})


def test_what_expired_goes_even_if_it_comes_again() -> None:
    room = plan_room([coming("a", "t")], [holding(1, "a", "t", "ann", ends=NOW)], NOW)
    assert room == Room([1], [], [], {}, {})
    assert plan_room([coming("a", "t")], [holding(1, "a", "t", ends=NOW + 1)], NOW).known == {
        "a": 1
    }


def test_two_that_change_tokens_keep_their_rows_and_lose_their_users() -> None:
    holders = [holding(1, "a", "t1", "ann"), holding(2, "b", "t2", "ben")]
    room = plan_room([coming("a", "t2"), coming("b", "t1")], holders, NOW)
    assert room == Room([], [1, 2], ["b", "a"], {"a": 1, "b": 2}, {})


def test_a_user_who_gets_a_new_device_stays_its_user() -> None:
    holders = [holding(1, "old", "t", "ann"), holding(2, "new", "t2", "ann")]
    assert plan_room([coming("new", "t")], holders, NOW) == Room([1], [], [], {"new": 2}, {})


def test_nobody_inherits_the_user_of_a_token() -> None:
    holders = [holding(1, "old", "t", "ann"), holding(2, "new", "t2", "ben")]
    assert plan_room([coming("new", "t")], holders, NOW).unlinked == ["new"]


@pytest.mark.parametrize(
    ("claimant", "theirs"),
    [
        (Claimant(), False),
        (Claimant(user_id="ben"), False),
        (Claimant(token="new"), False),
        (Claimant(token=""), False),
        (Claimant(user_id="ann"), True),
        (Claimant(token="OLD"), True),
        (HOST, True),
    ],
)
def test_a_users_device_with_another_token_is_a_new_one_unless_it_is_shown_to_be_theirs(
    claimant: Claimant, theirs: bool
) -> None:
    room = plan_room([coming("a", "new", claimant)], [holding(1, "a", "old", "ann")], NOW)
    expected = Room([], [], [], {"a": 1}, {}) if theirs else Room([1], [], [], {}, {"a": 1})
    assert room == expected


def test_what_is_nobodys_or_keeps_its_token_is_the_same_device_whoever_says_so() -> None:
    anybody = Claimant()
    for holder in (holding(1, "a", "old"), holding(1, "a", "t", "ann")):
        room = plan_room([coming("a", "t", anybody)], [holder], NOW)
        assert room == Room([], [], [], {"a": 1}, {})


def test_of_two_with_one_token_the_first_counts_as_who_brought_it() -> None:
    ((joined,),) = in_rounds([coming("a", "t", Claimant()), coming("a", "t")])
    assert joined.claimant == Claimant()

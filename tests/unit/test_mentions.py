"""Names go out of a message's lists, and never leave one that means everybody."""

import pytest

from push_pipeline.ledger.mentions import Leaving, is_only_for, without_names

WHO = Leaving("APP-1", frozenset({"42"}), frozenset({"dev-1", "7::news"}), blank=True)


@pytest.mark.parametrize(
    ("options", "only"),
    [
        ({"pushUsers": ["42"]}, True),
        ({"pushUsers": ["42", "erased:x"]}, True),
        ({"pushUsers": ["42", "43"]}, False),
        ({"pushUsers": ["43"], "pushSinglecast": ["dev-1"]}, True),
        ({"pushSinglecast": ["dev-1", "7::news"]}, True),
        ({"pushSinglecast": ["dev-1", "dev-2"]}, False),
        ({"pushSinglecast": []}, False),
        ({}, False),
    ],
)
def test_a_message_is_only_theirs_if_one_of_its_lists_is(options: dict, only: bool) -> None:
    assert is_only_for(options, WHO) is only


def test_a_pseudonym_takes_the_place_of_a_name() -> None:
    options = {"pushUsers": ["42"], "pushSinglecast": ["a", "dev-1", "7::news"], "ttl": 5}

    left = without_names(options, WHO, "erased:x")

    assert left == {"pushUsers": ["erased:x"], "pushSinglecast": ["a", "erased:x"], "ttl": 5}
    assert without_names({"pushSinglecast": []}, WHO, "erased:x") == {"pushSinglecast": []}

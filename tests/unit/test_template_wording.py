"""Which of a user's words a notification cannot do without."""

import pytest

from push_pipeline.platform import Platform
from push_pipeline.template.wording import Wording

IOS = Platform.IOS


@pytest.mark.parametrize(
    ("message", "headers", "needed"),
    [
        ("{Users.a}", {}, {"a"}),
        (" {Users.a} {Users.b}", {"other": "text", "android-content-title": "T"}, {"a", "b"}),
        ("{Users.a}", {"ios-alert-title": "{Users.t}", "ios-badge": 1}, {"a", "t"}),
        ("{Users.a}", {"ios-alert-title": ""}, {"a"}),
        ("Hi {Users.a}", {}, set()),
        ("{Users.a}", {"ios-alert-title": "T"}, set()),
        ("{Users.a}", {"ios-alert-title": "Hi {Users.t}"}, set()),
        ("{Users.a}", {"ios-alert-loc-key": "HELLO"}, set()),
        ("", {"ios-alert-title": "{Users.t}"}, set()),
        ("Hi", {"ios-alert-title": "{Users.t}"}, set()),
    ],
)
def test_one_of_the_columns_is_needed_where_nothing_else_is_to_be_read(message, headers, needed):
    assert Wording.fill(message, headers, {}).needed(IOS) == needed


def test_what_is_not_to_be_shown_needs_no_words():
    assert Wording.fill("{Users.a}", {}, {}, hidden=True).needed(IOS) == set()

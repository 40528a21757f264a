"""A user's words stand between the pieces of a rendered body, whatever both are."""

import json

from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.platform import Platform
from push_workers.delivery.personalise import TOO_LARGE, Marks


@given(st.text(), st.text(), st.text(max_size=20), st.sampled_from(Platform))
def test_words_stand_in_the_text_as_they_are(
    before: str, after: str, word: str, platform: Platform
) -> None:
    marks = Marks(["city", "name"])
    said = "{0}" + marks.words["name"] + "{1}" + marks.words["name"] + "{1}"
    body = json.dumps({"100 %d": said.replace("{0}", before).replace("{1}", after)}).encode()
    splice = marks.splice(body, platform, (len(body), len(body) + 1000), frozenset())

    told = splice.body(("%s", word))

    assert isinstance(told, bytes)
    assert json.loads(told) == {"100 %d": f"{before}{word}{after}{word}{after}"}


def test_words_have_the_room_that_the_marks_leave() -> None:
    marks = Marks(["name"])
    body = json.dumps({"a": marks.words["name"]}).encode()
    splice = marks.splice(body, Platform.IOS, (len(body), len(b'{"a": "1234"}')), frozenset())

    assert splice.body(("1234",)) == b'{"a": "1234"}'
    assert splice.body(("12345",)) is TOO_LARGE
    assert splice.body(('12"',)) == b'{"a": "12\\""}'
    assert splice.body(('123"',)) is TOO_LARGE

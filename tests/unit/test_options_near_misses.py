"""What nearly names an option that narrows or delays a push is refused, all else let through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.errors import InvalidParameter
from push_pipeline.options import DeliveryOptions

NARROWING = ("pushSinglecast", "pushBroadcast", "segmentQuery", "publishPolicy")
TIMING = ("publishAt", "publishAtLocal", "repeatEvery", "repeatExpiresAt")


def refusal(body):
    with pytest.raises(InvalidParameter) as refused:
        DeliveryOptions.from_wire({"message": "x", **body})
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "right"),
    [
        *(("pushSinglecasts", "pushSinglecast"), ("pushsinglecast", "pushSinglecast")),
        *(("PushSinglecast", "pushSinglecast"), ("push-singlecast", "pushSinglecast")),
        *(("singlecast", "pushSinglecast"), ("pushSingelcast", "pushSinglecast")),
        *(("pushSingleCast", "pushSinglecast"), ("pushBroadcasts", "pushBroadcast")),
        *(("segmentquery", "segmentQuery"), ("segment", "segmentQuery"), ("Query", "segmentQuery")),
        *(("pushUser", "pushUsers"), ("users", "pushUsers"), ("pushusers", "pushUsers")),
        *(("publishat", "publishAt"), ("publishAtlocal", "publishAtLocal")),
        *(("ßpushSinglecast", "pushSinglecast"), ("pushSİnglecast", "pushSinglecast")),
        *(("publihAt", "publishAt"), ("repeatExpireAt", "repeatExpiresAt")),
        *(("repeatevery", "repeatEvery"), ("TTL", "ttl"), ("publishpolicy", "publishPolicy")),
    ],
)
@pytest.mark.parametrize("nest", [None, "deliveryOptions"])
def test_a_near_miss_is_refused_with_the_right_name(name, right, nest):
    assert right in refusal({name: ["a"]} if nest is None else {nest: {name: ["a"]}})


@pytest.mark.parametrize("nest", ["deliveryOptions", "publishOptions", "delivery_options"])
@pytest.mark.parametrize("name", [*NARROWING, *TIMING, "pushUsers", "push_singlecast", "query"])
def test_a_right_name_within_an_object_is_refused(nest, name):
    assert f"{nest}.{name}" in refusal({nest: {name: "x"}})


@given(name=st.sampled_from(NARROWING + TIMING), at=st.integers(0, 15), letter=st.characters())
def test_one_edit_of_a_name_is_near_and_the_name_itself_is_right(name, at, letter):
    at = min(at, len(name) - 1)
    for wrong in (name[:at] + name[at + 1 :], name[:at] + letter + name[at:]):
        if wrong not in DeliveryOptions.spellings():
            assert name in refusal({wrong: "x"})


#: What SDKs send, or echo of a stored message, and what hosts add.
OTHERS = [
    *("publisherId", "headers", "subtopic", "templateValues", "messageId", "timestamp", "code"),
    *("___class", "objectId", "ownerId", "channel", "title", "push", "publish", "publishedAt"),
    *("pushTitle", "publisher", "options", "deliveryOptions", "userId", "quality", "repeat", ""),
]


@pytest.mark.parametrize("value", ["x", {}, {"ios": {"users": ["a"]}, "headers": {}}])
def test_other_names_are_let_through(value):
    assert DeliveryOptions.from_wire(dict.fromkeys(OTHERS, value)) == DeliveryOptions()
    assert DeliveryOptions.from_wire({"message": {"users": 1, "publishat": 1}}) == DeliveryOptions()


def test_only_the_body_and_one_object_of_options_are_judged():
    deeper = {"deliveryOptions": {"more": {"pushSinglecast": ["a"]}}, "data": {"users": ["a"]}}
    assert DeliveryOptions.from_wire(deeper) == DeliveryOptions()

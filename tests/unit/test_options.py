"""Options: every spelling is read, every wrong value is the API's typed error."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline import errors
from push_pipeline.options import (
    Broadcast,
    DeliveryOptions,
    PublishOptions,
    PublishPolicy,
    check_message,
)
from push_pipeline.platform import Platform

NOW = 1_800_000_000_000

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
anything = json_values | st.floats() | st.binary() | st.datetimes() | st.integers()

publish_options = st.builds(
    PublishOptions,
    publisher_id=st.none() | st.text(max_size=512),
    headers=st.none() | st.dictionaries(st.text(), json_values),
    subtopic=st.none() | st.text(max_size=512),
    template_values=st.none() | st.dictionaries(st.text(), st.text() | st.integers(0, 9)),
)
delivery_options = st.builds(
    DeliveryOptions,
    publish_policy=st.sampled_from(PublishPolicy),
    push_broadcast=st.integers(0, 15).map(Broadcast),
    push_singlecast=st.none() | st.lists(st.text(min_size=1).filter(str.strip), min_size=1),
    segment_query=st.none() | st.text(),
    publish_at=st.none() | st.integers(0, 253_402_300_799_999),
    repeat_every=st.none() | st.integers(0, 315_360_000),
    repeat_expires_at=st.none() | st.integers(0, 253_402_300_799_999),
    ttl=st.none() | st.integers(0, 2_419_200),
)


def test_defaults_reach_all_devices_now_for_four_weeks():
    options = DeliveryOptions()
    assert options.platforms == {Platform.IOS, Platform.ANDROID, Platform.OSX, Platform.WEB}
    assert options.device_ids == ()
    assert options.publish_policy is PublishPolicy.BOTH
    assert (options.publish_at_ms, options.repeat_every_seconds) == (None, None)
    assert options.ttl_seconds == 2_419_200
    assert not options.reaches_nobody


def test_the_names_of_python_and_of_the_wire_mean_the_same():
    wire = {
        "publishPolicy": "push",
        "pushBroadcast": "IOS|ANDROID",
        "pushSinglecast": ["a"],
        "segmentQuery": "osVersion = '17'",
        "publishAt": NOW,
        "repeatEvery": 60,
        "repeatExpiresAt": NOW + 1,
        "ttl": 5,
    }
    python = DeliveryOptions(
        publish_policy="push",
        push_broadcast="IOS|ANDROID",
        push_singlecast=["a"],
        segment_query="osVersion = '17'",
        publish_at=NOW,
        repeat_every=60,
        repeat_expires_at=NOW + 1,
        ttl=5,
    )
    assert DeliveryOptions.of(wire) == python
    assert DeliveryOptions.from_wire({"message": 1, "headers": {}, **wire}) == python
    assert PublishOptions.of({"publisherId": "p", "templateValues": {"a": "b"}}) == PublishOptions(
        publisher_id="p", template_values={"a": "b"}
    )


def test_null_means_not_set():
    names = DeliveryOptions.spellings()
    assert DeliveryOptions.of(dict.fromkeys(names)) == DeliveryOptions()
    assert PublishOptions.of(dict.fromkeys(PublishOptions.spellings())) == PublishOptions()


def test_options_are_taken_as_they_are_or_read_or_refused():
    options = DeliveryOptions(ttl=1)
    assert DeliveryOptions.of(options) is options
    assert DeliveryOptions.of(None) == DeliveryOptions()
    for wrong in ("IOS", 3, [], {1: 2}):
        with pytest.raises(errors.InvalidParameter):
            DeliveryOptions.of(wrong)


def test_an_unknown_name_is_refused_with_the_nearest_and_ignored_on_the_wire():
    with pytest.raises(errors.InvalidParameter, match="did you mean publish_at\\?"):
        DeliveryOptions.of({"publish_att": NOW})
    assert DeliveryOptions.from_wire({"whatever": 1}) == DeliveryOptions()


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("headers", "ios-alert: x"),
        ("headers", [["a", "b"]]),
        ("headers", {1: "a"}),
        ("headers", {"a": object()}),
        ("headers", {"a": 10**5000}),
        ("headers", {"a": "\ud800"}),
        ("template_values", "x"),
        ("template_values", {"a": {}}),
        ("template_values", {"a": []}),
        ("publisher_id", 5),
        ("subtopic", ["a"]),
    ],
)
def test_publish_options_of_another_type_are_8008(field, wrong):
    with pytest.raises(errors.InvalidParameter):
        PublishOptions.of({field: wrong})


def test_template_values_become_text_and_null_is_left_out():
    given_values = {"n": 5, "f": 1.5, "b": True, "s": "x", "none": None}
    options = PublishOptions(template_values=given_values)
    assert options.template_values == {"n": "5", "f": "1.5", "b": "true", "s": "x"}


def test_options_share_nothing_with_the_caller_and_cannot_be_changed():
    headers = {"a": {"b": 1}}
    options = PublishOptions(headers=headers)
    headers["a"]["b"] = 2
    assert options.headers == {"a": {"b": 1}}
    with pytest.raises(TypeError):
        options.headers["c"] = 1
    with pytest.raises(ValueError, match="frozen"):
        options.publisher_id = "x"


@given(options=publish_options | delivery_options)
def test_options_survive_storage(options):
    stored = orjson.loads(orjson.dumps(options.to_json()))
    assert type(options).from_json(stored) == options


@given(field=st.sampled_from(sorted(DeliveryOptions.spellings())), value=anything)
def test_no_value_of_delivery_options_raises_anything_but_a_typed_error(field, value):
    assert _refusal(DeliveryOptions, field, value) in {None, 8007, 8008, 5030, 5003}


@given(field=st.sampled_from(sorted(PublishOptions.spellings())), value=anything)
def test_no_value_of_publish_options_raises_anything_but_a_typed_error(field, value):
    assert _refusal(PublishOptions, field, value) in {None, 8008}


def _refusal(kind, field, value) -> int | None:
    try:
        kind.of({field: value})
    except errors.RequestError as refused:
        return refused.code
    return None


@given(message=json_values.filter(lambda value: value is not None))
def test_a_message_may_be_any_json_value(message):
    assert check_message({"message": message}) == message


def test_a_missing_message_is_8007_and_a_null_one_5041_where_devices_get_it():
    with pytest.raises(errors.MissingParameter):
        check_message({})
    with pytest.raises(errors.EmptyMessage):
        check_message({"message": None})
    assert check_message({"message": None}, pushed=False) is None


def test_names_and_lists_of_recipients_are_bounded() -> None:
    for name in ("publisher_id", "subtopic"):
        assert PublishOptions(**{name: "x" * 512}).to_json()
        with pytest.raises(errors.InvalidParameter, match="512"):
            PublishOptions(**{name: "x" * 513})
    many = [str(n) for n in range(100_000)]
    for name in ("push_singlecast", "push_users"):
        assert DeliveryOptions(**{name: [*many, "0"]})  # each counts once
        with pytest.raises(errors.InvalidParameter, match="100000"):
            DeliveryOptions(**{name: [*many, "one more"]})

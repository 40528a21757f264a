"""DeliveryOptions: every spelling of the SDKs, and which error each wrong value is."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline import errors
from push_pipeline.options import Broadcast, DeliveryOptions, PublishPolicy
from push_pipeline.platform import Platform

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("name", "value", "policy"),
    [
        ("publishPolicy", "PUSH", "PUSH"),
        ("publishPolicy", " pubsub ", "PUBSUB"),
        ("publishPolicy", "Both", "BOTH"),
        ("publishPolicy", "whatever", "BOTH"),
        ("publishPolicy", 0, "PUSH"),
        ("publishPolicy", 1, "PUBSUB"),
        ("publishPolicy", 2, "BOTH"),
        ("publishPolicy", "1", "PUBSUB"),
        ("pushPolicy", "ONLY", "PUSH"),
        ("pushPolicy", "ALSO", "BOTH"),
        ("pushPolicy", "NONE", "PUBSUB"),
    ],
)
def test_every_spelling_of_the_policy(name, value, policy):
    assert DeliveryOptions.of({name: value}).publish_policy == policy


@pytest.mark.parametrize(("field", "wrong"), [("publishPolicy", [1]), ("publishPolicy", True)])
def test_a_policy_that_is_no_text_is_8008(field, wrong):
    with pytest.raises(errors.InvalidParameter):
        DeliveryOptions.of({field: wrong})


def test_the_newer_name_wins_over_the_older():
    both = {"pushPolicy": "NONE", "publishPolicy": "PUSH", "query": "a", "segmentQuery": "b"}
    options = DeliveryOptions.of(both)
    assert (options.publish_policy, options.segment_query) == (PublishPolicy.PUSH, "b")
    assert DeliveryOptions.of({"query": "a", "segmentQuery": None}).segment_query == "a"


@pytest.mark.parametrize("value", [None, 0, "0", "", "  ", "|", [], 15, "15", "ALL", "FOR_ALL"])
def test_everybody(value):
    assert DeliveryOptions(push_broadcast=value).push_broadcast == Broadcast.ALL


@pytest.mark.parametrize("value", ["NONE", "FOR_NONE", "for_none", ["NONE"], Broadcast.NONE])
def test_only_the_word_none_means_nobody(value):
    options = DeliveryOptions(push_broadcast=value)
    assert options.platforms == frozenset()
    assert options.reaches_nobody


def test_windows_phone_is_accepted_and_reaches_nobody():
    assert DeliveryOptions(push_broadcast="WP").reaches_nobody
    assert DeliveryOptions(push_broadcast=4).reaches_nobody
    assert DeliveryOptions(push_broadcast="WP,IOS").platforms == {Platform.IOS}


def test_a_message_for_subscribers_alone_has_no_device_and_is_no_failure():
    options = DeliveryOptions(publish_policy="PUBSUB")
    assert options.platforms == frozenset()
    assert not options.reaches_nobody


@pytest.mark.parametrize(
    "wrong",
    [
        *("BLACKBERRY", "IOS|BROWSER", "32", "-1", "015", "²"),
        *(32, -1, 2.5, 2**70, True, float("nan"), float("inf")),
        *({"IOS": 1}, b"IOS", [None], ["IOS", ["?"]]),
    ],
)
def test_an_unknown_os_is_8008(wrong):
    with pytest.raises(errors.UnknownOs):
        DeliveryOptions(push_broadcast=wrong)


@given(
    bits=st.sets(st.sampled_from(["IOS", "ANDROID", "WP", "OSX", "WEB"]), min_size=1),
    separator=st.sampled_from(["|", ",", " ", " | ", ", "]),
    prefix=st.sampled_from(["", "FOR_", "for_"]),
    data=st.data(),
)
def test_every_spelling_of_a_mask_means_the_same(bits, separator, prefix, data):
    number = sum(Broadcast[bit] for bit in bits)
    order = data.draw(st.permutations(sorted(bits)))
    names = [prefix + data.draw(st.sampled_from([bit, bit.lower(), bit.title()])) for bit in order]
    spellings = [number, str(number), float(number), separator.join(names), names, tuple(names)]
    masks = {DeliveryOptions(push_broadcast=spelling).push_broadcast for spelling in spellings}
    assert masks == {Broadcast(number)}
    everybody = {"WEB"} if bits >= {"IOS", "ANDROID", "WP", "OSX"} else set()
    reached = {platform.value for platform in Broadcast(number).platforms}
    assert reached == bits - {"WP"} | everybody


def test_the_number_of_the_sdks_for_all_reaches_browsers_too():
    for said in (15, 31, "ALL", "ALL|WEB", "IOS|ANDROID|WP|OSX"):
        options = DeliveryOptions(push_broadcast=said)
        assert options.platforms == set(Platform)
        assert options.push_broadcast.spelling == "ALL"
    assert DeliveryOptions(push_broadcast="web").platforms == {Platform.WEB}
    assert Platform.WEB not in DeliveryOptions(push_broadcast="IOS|ANDROID|OSX").platforms


def test_device_ids_keep_their_order_each_once():
    options = DeliveryOptions(push_singlecast=["b", "a", "b", "c", "a"])
    assert options.device_ids == ("b", "a", "c")
    assert DeliveryOptions(push_singlecast="one").device_ids == ("one",)
    assert DeliveryOptions().device_ids == ()


@pytest.mark.parametrize("empty", [[], (), set(), (device_id for device_id in ())])
@pytest.mark.parametrize("name", ["push_singlecast", "pushSinglecast"])
def test_an_empty_list_of_devices_is_refused_and_never_means_everybody(name, empty):
    with pytest.raises(errors.EmptyAudience) as refused:
        DeliveryOptions.of({name: empty})
    assert refused.value.code == 8008


def test_an_empty_list_of_devices_is_not_set_in_old_rows_and_where_an_sdk_sends_it():
    assert DeliveryOptions.from_json({"pushSinglecast": [], "ttl": 5}) == DeliveryOptions(ttl=5)
    assert DeliveryOptions.from_wire({"pushSinglecast": []}) == DeliveryOptions()
    assert DeliveryOptions.from_wire({"push_singlecast": []}) == DeliveryOptions()
    for empty in ([], None):
        with pytest.raises(errors.EmptyAudience):
            DeliveryOptions.from_wire({"pushSinglecast": empty}, empty_means_unset=False)
    named = DeliveryOptions.from_wire({"pushSinglecast": ["a"]}, empty_means_unset=False)
    assert named.device_ids == ("a",)


@pytest.mark.parametrize("wrong", ["", [""], ["a", " "], ["a", None], [1], {"a": 1}, 5, [["a"]]])
def test_a_blank_device_id_is_refused_and_never_means_everybody(wrong):
    with pytest.raises(errors.InvalidParameter):
        DeliveryOptions(push_singlecast=wrong)


@pytest.mark.parametrize(
    "value",
    [
        NOW,
        float(NOW),
        str(NOW),
        "2027-01-15T08:00:00.000Z",
        "2027-01-15T09:00:00+01:00",
        datetime(2027, 1, 15, 8, tzinfo=UTC),
        datetime(2027, 1, 15, 3, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_every_spelling_of_a_moment(value):
    options = DeliveryOptions(publish_at=value, repeat_expires_at=value, repeat_every=1)
    assert options.publish_at_ms == NOW
    assert options.repeat_expires_at_ms == NOW


NAIVE = datetime.fromisoformat("2027-01-15T08:00:00")
WRONG_MOMENTS = [
    *("tomorrow", "", "NaN", "-1", "9" * 30, "2027-01-15", "2027-01-15T08:00:00"),
    *(-1, float("nan"), float("inf"), 1e30, True),
    *([NOW], b"1", NAIVE),
]


@pytest.mark.parametrize("wrong", WRONG_MOMENTS)
def test_a_publish_at_that_is_no_moment_is_5030(wrong):
    with pytest.raises(errors.InvalidPublishAt) as refused:
        DeliveryOptions(publish_at=wrong)
    assert refused.value.code == 5030


@pytest.mark.parametrize("wrong", WRONG_MOMENTS)
def test_a_repeat_expires_at_that_is_no_moment_is_5003(wrong):
    with pytest.raises(errors.InvalidRepeatExpiresAt) as refused:
        DeliveryOptions(repeat_expires_at=wrong)
    assert refused.value.code == 5003


@pytest.mark.parametrize("unset", [0, 0.0, "0", None])
def test_a_moment_of_zero_is_not_set(unset):
    assert DeliveryOptions(publish_at=unset, repeat_expires_at=unset) == DeliveryOptions()


@pytest.mark.parametrize("value", [90, 90.0, "90", timedelta(minutes=1.5)])
def test_every_spelling_of_a_span(value):
    options = DeliveryOptions(repeat_every=value, ttl=value)
    assert (options.repeat_every_seconds, options.ttl_seconds) == (90, 90)


@pytest.mark.parametrize(
    "wrong", [-1, 0.5, "1h", "", True, [1], timedelta(milliseconds=1), float("nan"), 10**12]
)
def test_a_wrong_span_is_8008(wrong):
    for field in ("repeatEvery", "ttl"):
        with pytest.raises(errors.InvalidParameter, match=field):
            DeliveryOptions.of({field: wrong})


def test_a_ttl_of_zero_means_now_or_never_and_four_weeks_are_the_most():
    assert DeliveryOptions(ttl=0).ttl_seconds == 0
    assert DeliveryOptions.of({"ttlSeconds": 60}).ttl_seconds == 60
    with pytest.raises(errors.InvalidParameter):
        DeliveryOptions(ttl=2_419_201)


def test_an_expiry_without_a_repeat_is_checked_and_not_used():
    options = DeliveryOptions(repeat_expires_at=NOW + 1)
    options.check(NOW)
    assert options.repeat_expires_at_ms is None


@pytest.mark.parametrize("publish_at", [NOW - 60_000, NOW, NOW + 1, None])
def test_a_publish_at_of_the_last_minute_or_later_is_good(publish_at):
    DeliveryOptions(publish_at=publish_at).check(NOW)


@pytest.mark.parametrize("publish_at", [NOW - 60_001, NOW // 1000, 1])
def test_an_older_publish_at_is_5030(publish_at):
    with pytest.raises(errors.InvalidPublishAt):
        DeliveryOptions(publish_at=publish_at).check(NOW)


@pytest.mark.parametrize(
    ("publish_at", "expires_at"), [(None, 1), (None, NOW), (NOW + 10, NOW + 10), (NOW - 10, NOW)]
)
def test_a_repeat_that_ends_before_it_begins_is_5003(publish_at, expires_at):
    options = DeliveryOptions(publish_at=publish_at, repeat_every=5, repeat_expires_at=expires_at)
    with pytest.raises(errors.InvalidRepeatExpiresAt):
        options.check(NOW)


def test_of_two_wrong_values_it_is_always_the_same_that_is_named():
    wrong = [("publishAt", "x"), ("repeatExpiresAt", "x"), ("pushBroadcast", "x")]
    for order in permutations(wrong):
        with pytest.raises(errors.UnknownOs):
            DeliveryOptions.of(dict(order))
    with pytest.raises(errors.InvalidPublishAt):
        DeliveryOptions(publish_at=1, repeat_every=5, repeat_expires_at=1).check(NOW)


#: What Flutter sends of its options, whatever is set.
FLUTTER = dict.fromkeys(
    (
        *("pushBroadcast", "pushSinglecast", "segmentQuery", "publishPolicy"),
        *("publishAt", "repeatEvery", "repeatExpiresAt"),
    )
)


@pytest.mark.parametrize(
    ("name", "error", "code"),
    [
        *((name, errors.InvalidPublishAt, 5030) for name in ("publishAt", "publishAtLocal")),
        *((name, errors.InvalidRepeatExpiresAt, 5003) for name in ("repeatEvery", "repeat_every")),
        ("repeatExpiresAt", errors.InvalidRepeatExpiresAt, 5003),
    ],
)
def test_a_time_that_is_null_on_the_wire_is_refused(name, error, code):
    with pytest.raises(error) as refused:
        DeliveryOptions.from_wire({"message": "x", "pushBroadcast": None, name: None})
    assert refused.value.code == code


def test_null_means_not_set_where_all_of_flutters_fields_are_there():
    assert DeliveryOptions.from_wire(FLUTTER) == DeliveryOptions()
    later = DeliveryOptions.from_wire({**FLUTTER, "pushSinglecast": ["a"], "publishAt": NOW})
    assert (later.device_ids, later.publish_at_ms) == (("a",), NOW)
    for left_out in FLUTTER:
        some = {name: None for name in FLUTTER if name != left_out}
        with pytest.raises((errors.InvalidPublishAt, errors.InvalidRepeatExpiresAt)):
            DeliveryOptions.from_wire(some)


def test_a_release_that_knows_no_pace_can_read_what_asks_for_none() -> None:
    assert not {"rate", "over"} & DeliveryOptions().to_json().keys()
    asked = DeliveryOptions(over=60).to_json()
    assert DeliveryOptions.from_json(asked).over == asked["over"] == 60


def test_what_is_noted_of_one_request_is_not_of_the_next_that_says_nothing() -> None:
    noted = DeliveryOptions.from_wire({}).said_as({"publishAt": "+10m"})

    assert noted.said() == {"publishAt": "+10m"}
    assert DeliveryOptions.from_wire({"message": "Hi"}).said() == {}

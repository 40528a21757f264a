"""What a registration may say, in every SDK's spelling, and what of it is refused."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.devices.registration import CHANNELS_MAX, check_registration
from push_pipeline.errors import (
    InvalidChannelName,
    InvalidExpiration,
    InvalidParameter,
    MissingDeviceId,
    MissingParameter,
    RequestError,
    UnknownOs,
)
from push_pipeline.platform import Platform
from tests.unit.senders.browser import Browser

NOW = 1_893_000_000_000
IOS = {"deviceId": "d", "deviceToken": "ab" * 32, "os": "IOS"}
ANDROID = {"deviceId": "d", "deviceToken": "x" * 150, "os": "ANDROID"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        ("", None),
        (0, None),
        ("0", None),
        (-1, None),
        (1893477600, 1893477600000),
        (1893477600.123, 1893477600123),  # what the JavaScript SDK makes of a Date
        (1893477600000, 1893477600000),
        ("1893477600000", 1893477600000),
        ("2030-01-01T06:00:00.000Z", 1893477600000),
    ],
)
def test_an_expiration_is_read_in_seconds_milliseconds_or_iso_8601(given, kept) -> None:
    assert check_registration({**IOS, "expiration": given}, NOW).expires_at == kept


@pytest.mark.parametrize(
    "given",
    [1, 1_700_000_000, NOW, 1e300, 10**30, "nan", "inf", "soon", True, [], {}, "2020-01-01T00:00Z"],
)
def test_an_expiration_that_has_passed_or_is_no_moment_is_refused(given) -> None:
    with pytest.raises(InvalidExpiration):
        check_registration({**IOS, "expiration": given}, NOW)


@pytest.mark.parametrize(
    ("told", "kept", "warned"),
    [
        ("Europe/Berlin", "Europe/Berlin", False),
        ("", None, False),
        ("europe/berlin", "Europe/Berlin", True),
        (" America/New York ", "America/New_York", True),
        ("GMT+02:00", "Etc/GMT-2", True),
        ("UTC-5", "Etc/GMT+5", True),
        ("+0300", "Etc/GMT-3", True),
        ("GMT+00:00", "UTC", True),
        ("GMT+05:30", None, True),
        ("GMT+25", None, True),
        ("../etc/passwd", None, True),
    ],
)
def test_a_time_zone_is_understood_or_left_out_and_never_refused(told, kept, warned) -> None:
    found = check_registration({**IOS, "timezone": told}, NOW)
    assert found.time_zone == kept
    assert bool(found.warnings) is warned


@pytest.mark.parametrize(
    ("told", "user"),
    [({}, None), ({"userId": None}, ""), ({"userId": ""}, ""), ({"userId": 0}, "0")],
)
def test_nobody_s_device_is_told_from_one_that_does_not_say_whose_it_is(told, user) -> None:
    assert check_registration({**IOS, **told}, NOW).user_id == user


@pytest.mark.parametrize("channels", [None, [], [""], ""])
def test_a_registration_without_channels_is_one_of_the_default_channel(channels) -> None:
    assert check_registration({**IOS, "channels": channels}, NOW).channels == ("default",)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"deviceId": None}, MissingDeviceId),
        ({"deviceId": ""}, MissingDeviceId),
        ({"deviceId": 7}, InvalidParameter),
        ({"deviceId": "d" * 513}, InvalidParameter),
        ({"deviceToken": None}, MissingParameter),
        ({"deviceToken": "xyz"}, InvalidParameter),
        ({"os": "BLACKBERRY"}, UnknownOs),
        ({"os": ["IOS"]}, UnknownOs),
        ({"os": None}, UnknownOs),
        ({"channels": 7}, InvalidParameter),
        ({"channels": {"a": 1}}, InvalidParameter),
        ({"channels": ["a/b"]}, InvalidChannelName),
        ({"channels": ["push"]}, InvalidChannelName),
        ({"channels": [["a"]]}, InvalidChannelName),
        ({"channels": [f"c{n}" for n in range(CHANNELS_MAX + 1)]}, InvalidParameter),
        ({"properties": []}, InvalidParameter),
        ({"properties": {"deep": ["\0"]}}, InvalidParameter),
        ({"properties": {"\0": 1}}, InvalidParameter),
        ({"properties": {"n": 10**5000}}, InvalidParameter),
        ({"properties": {"when": object()}}, InvalidParameter),
        ({"properties": {"long": "x" * 65_536}}, InvalidParameter),
        ({"deviceId": "a\0b"}, InvalidParameter),
        ({"deviceId": "a\ud800"}, InvalidParameter),
        ({"osVersion": "\0"}, InvalidParameter),
        ({"osVersion": True}, InvalidParameter),
        ({"userId": "u" * 513}, InvalidParameter),
        ({"locale": "\udfff"}, InvalidParameter),
    ],
)
def test_what_is_wrong_with_a_registration_is_named(change, error) -> None:
    with pytest.raises(error) as caught:
        check_registration({**IOS, **change}, NOW)
    assert type(caught.value) is error


def test_an_error_repeats_little_of_a_value_and_nothing_of_a_token() -> None:
    with pytest.raises(UnknownOs) as wrong:
        check_registration({**IOS, "os": "x" * 10_000}, NOW)
    assert len(str(wrong.value)) < 100
    with pytest.raises(InvalidParameter) as malformed:
        check_registration({**IOS, "deviceToken": "secret!"}, NOW)
    assert "secret" not in str(malformed.value)


def test_an_installation_id_is_told_from_a_registration_token() -> None:
    assert check_registration({**ANDROID, "deviceToken": "a" * 22}, NOW).kind == "fid"
    assert check_registration(ANDROID, NOW).kind == "token"


def test_a_token_on_ios_may_be_one_of_fcm() -> None:
    told = {**IOS, "tokenType": "FCM", "deviceToken": "d:" + "x" * 150}
    assert check_registration(told, NOW).kind == "token"
    assert check_registration({**told, "deviceToken": "a" * 22}, NOW).kind == "fid"
    assert check_registration({**IOS, "tokenType": "apns"}, NOW).kind == "apns"
    assert check_registration({**ANDROID, "tokenType": "fcm"}, NOW).kind == "token"


@pytest.mark.parametrize(
    ("base", "change"),
    [
        (IOS, {"deviceToken": "d:" + "x" * 150}),
        (IOS, {"tokenType": "fcm"}),  # the other of the two tokens that such an app has
        (IOS, {"tokenType": "gcm"}),
        (IOS, {"tokenType": ["fcm"]}),
        (ANDROID, {"tokenType": "apns"}),
        (IOS, {"os": "OSX", "tokenType": "fcm", "deviceToken": "d:" + "x" * 150}),
    ],
)
def test_a_token_that_is_not_of_its_type_is_refused(base, change) -> None:
    with pytest.raises(InvalidParameter, match=r"tokenType|FCM token"):
        check_registration({**base, **change}, NOW)


def test_a_browsers_subscription_is_its_token_however_it_is_sent() -> None:
    browser = Browser()
    said, token = browser.to_json(), browser.subscription.token
    base = {"deviceId": "d", "os": "web", "environment": "sandbox"}
    for told in (
        {"deviceToken": said},
        {"deviceToken": json.dumps(said)},
        {"deviceToken": token},
        {"subscription": said, "os": "BROWSER", "tokenType": "webpush"},
    ):
        found = check_registration({**base, **told}, NOW)
        assert (found.token, found.kind, found.platform) == (token, "web", Platform.WEB)
        assert found.environment == "mozilla"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "{",
        "ab" * 32,
        "https://fcm.googleapis.com/secret",
        {"endpoint": "https://secret.example/x"},
        {**Browser("https://push.secret.example/x").to_json()},
        {**Browser("http://fcm.googleapis.com/secret").to_json()},
        {**Browser("https://10.0.0.7/secret").to_json()},
        {**Browser().to_json(), "keys": {"p256dh": "secret", "auth": "secret"}},
        json.dumps(Browser().to_json()) + "x" * 5_000,
    ],
)
def test_what_is_no_subscription_or_at_a_strangers_is_refused(token) -> None:
    with pytest.raises((InvalidParameter, MissingParameter)) as wrong:
        check_registration({"deviceId": "d", "os": "WEB", "deviceToken": token}, NOW)
    assert "/secret" not in str(wrong.value)
    assert "wpush" not in str(wrong.value)


def test_the_operator_says_which_push_services_are_allowed() -> None:
    browser = Browser("https://push.example.org/x")
    told = {"deviceId": "d", "os": "WEB", "deviceToken": browser.to_json()}
    found = check_registration(told, NOW, ("*.example.org",))
    assert found.environment == "other"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
FIELDS = ["deviceId", "deviceToken", "os", "osVersion", "channels", "expiration", "properties"]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_json_is_a_registration_or_a_typed_error(fields) -> None:
    for base in (IOS, ANDROID, {**IOS, "os": "WEB"}):
        with suppress(RequestError):
            check_registration({**base, **fields}, NOW)

"""Other services' lists of devices: what a record of each says, what is skipped, what is wrong."""

from collections import Counter
from io import BytesIO
from pathlib import Path

import orjson
import pytest

from push_pipeline.cli.device_file import Line, read_lines
from push_pipeline.devices.foreign import (
    FORMATS,
    OURS,
    Said,
    adapted,
    read_apns_device,
    read_fcm_device,
    read_gcm_device,
    read_webpush_device,
)
from push_pipeline.errors import InvalidParameter
from push_pipeline.platform import Platform
from tests.unit.senders.browser import Browser

SAMPLES = Path(__file__).parents[1] / "data" / "foreign"
NOW = 1_800_000_000_000
APNS_TOKEN = "0badc0ffee" * 6 + "abcd"
FCM_TOKEN = "cXy_1A2B3C4D5E6F7G8H9I:APA91b" + "x" * 40


def read(name: str, **said: dict[str, str]) -> list[Line]:
    format_ = adapted(FORMATS[name.split(".", maxsplit=1)[0]], Said(**said))
    with (SAMPLES / name).open("rb") as file:
        return list(read_lines(file, NOW, format_))


def found(lines: list[Line]) -> dict:
    return {line.number: line.registration for line in lines if line.registration}


def skipped(lines: list[Line]) -> Counter:
    return Counter(line.skipped for line in lines if line.skipped)


def wrong(lines: list[Line]) -> dict:
    return {line.number: line.reason for line in lines if line.reason}


def test_onesignal_s_export() -> None:
    lines = read("onesignal.csv")
    devices = found(lines)
    assert {*devices} == {2, 3}
    phone = devices[2]
    assert (phone.device_id, phone.platform) == (
        "0d9c2f7a-5a3e-4c0e-9a1f-0f5a3c1b7e01",
        Platform.IOS,
    )
    assert (phone.user_id, phone.locale, phone.time_zone) == ("42", "de", "Europe/Berlin")
    assert (phone.os_version, phone.properties) == ("17.5", {"plan": "pro"})
    assert lines[0].seen_at == 1_790_932_500_000
    assert skipped(lines) == {
        "unsubscribed": 2,
        "no phone: e-mail, SMS, web or another system": 1,
    }
    assert "hexadecimal" in wrong(lines)[7]


def test_the_endpoints_of_sns() -> None:
    lines = read("sns.ndjson")
    devices = found(lines)
    assert {*devices} == {1, 2}
    assert devices[1].platform is Platform.ANDROID
    assert (devices[2].platform, devices[2].environment) == (Platform.IOS, "sandbox")
    assert devices[2].device_id == "98e9ced9-f136-3893-9d60-776547eafebb"
    assert devices[1].user_id is None
    assert skipped(lines) == {"disabled": 1, "the platform ADM": 1}
    assert {*wrong(lines)} == {5}

    lines = read("sns.ndjson", columns={"Attributes.CustomUserData": "userId"})
    assert found(lines)[1].user_id == "42"


def test_the_endpoints_of_pinpoint() -> None:
    lines = read("pinpoint.ndjson")
    (phone,) = found(lines).values()
    assert (phone.device_id, phone.user_id, phone.locale) == ("0f2c1a", "42", "nb-NO")
    assert (phone.environment, phone.time_zone) == ("production", "Europe/Oslo")
    assert phone.properties == {"Interests": ["science", "music"]}
    assert skipped(lines) == {"opted out or inactive": 2, "the channel SMS": 1}
    (other,) = found(read("pinpoint.csv")).values()
    assert (other.user_id, other.platform) == ("44", Platform.ANDROID)
    assert other.device_id.startswith("import-")


def test_tokens_that_were_kept_for_firebase() -> None:
    lines = read("firebase.ndjson")
    devices = found(lines)
    assert [(one.platform.value, one.kind, one.user_id) for one in devices.values()] == [
        ("ANDROID", "token", "42"),
        ("IOS", "token", "43"),
        ("ANDROID", "fid", None),
    ]
    assert skipped(lines) == {"a browser": 1}
    assert "os" in wrong(lines)[5]
    assert found(read("firebase.ndjson", constants={"os": "ANDROID"}))[5].platform == "ANDROID"


def test_the_id_of_a_device_that_had_none_is_the_same_each_time_and_not_the_token() -> None:
    ids = [{one.device_id for one in found(read("firebase.ndjson")).values()} for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 3
    assert not any("APA91bF" in one for one in ids[0])


def test_any_other_file_by_its_columns() -> None:
    format_ = adapted(
        OURS,
        Said(
            columns={"push_token": "deviceToken", "uuid": "deviceId"},
            constants={"os": "IOS"},
            only={"comment": "mine"},
        ),
    )
    table = f"uuid,push_token,userId,comment\na,{APNS_TOKEN},42,mine\nb,x,,\n".encode()
    line, other = read_lines(BytesIO(table), NOW, format_)
    assert other.skipped == "not asked for by --only"
    assert line.registration is not None
    assert (line.registration.device_id, line.registration.user_id) == ("a", "42")
    with pytest.raises(InvalidParameter, match="lacks comment, push_token"):
        list(read_lines(BytesIO(b"uuid,token\n"), NOW, format_))


def test_a_file_of_another_service_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="lacks device_type, id, identifier"):
        list(read_lines(BytesIO(b"deviceId,deviceToken,os\n"), NOW, FORMATS["onesignal"]))


#: How `btoa` writes what `PushSubscription.toJSON` has.
BASE64 = str.maketrans("-_", "+/")

ROW = {"active": True, "user_id": 7, "date_created": None}


def test_rows_of_the_django_packages() -> None:
    stored = "8d0f2b6c1c5e4a7f9b3d2e1f0a9c8b7d"
    apns = read_apns_device({**ROW, "device_id": stored, "registration_id": APNS_TOKEN})
    assert apns.fields["deviceId"] == "8d0f2b6c-1c5e-4a7f-9b3d-2e1f0a9c8b7d"
    assert (apns.fields["userId"], apns.fields["os"]) == ("7", "IOS")
    gcm = {**ROW, "device_id": -2, "registration_id": FCM_TOKEN, "cloud_message_type": "FCM"}
    assert read_gcm_device(gcm).fields["deviceId"] == "fffffffffffffffe"
    assert "ended" in read_gcm_device({**gcm, "cloud_message_type": "GCM"}).reason
    fcm = {**ROW, "device_id": "", "registration_id": FCM_TOKEN, "type": "ios"}
    assert read_fcm_device(fcm).fields["tokenType"] == "fcm"
    assert read_fcm_device(fcm).fields["deviceId"].startswith("import-")
    assert read_fcm_device({**fcm, "type": "web"}).reason == "a browser"
    assert read_fcm_device({**fcm, "active": False}).reason == "inactive"


def test_a_browser_s_row_is_the_subscription_that_its_page_had() -> None:
    browser = Browser().to_json()
    told = {name: browser[name] for name in ("endpoint", "keys")}
    by_btoa = {name: f"{key}=".translate(BASE64) for name, key in told["keys"].items()}
    row = {**ROW, "browser": "FIREFOX", "registration_id": told["endpoint"], **by_btoa}
    found = read_webpush_device(row)
    (line,) = read_lines(BytesIO(orjson.dumps(told)), NOW, FORMATS["webpush"])
    assert line.registration is not None
    assert found.fields == {
        "deviceId": line.registration.device_id,  # as where the same comes in a file
        "deviceToken": told,
        "os": "WEB",
        "userId": "7",
    }
    old = read_webpush_device({**row, "registration_id": "gAAAA"}).fields["deviceToken"]
    assert old["endpoint"] == "https://updates.push.services.mozilla.com/wpush/v2/gAAAA"
    assert read_webpush_device({**row, "active": False}).reason == "inactive"


def test_subscriptions_of_browsers_in_columns_or_as_the_page_sent_them() -> None:
    first, second = Browser().to_json(), Browser("https://push.example/x").to_json()
    columns = BytesIO(
        b"endpoint,p256dh,auth,userId\n"
        + ",".join((first["endpoint"], *first["keys"].values(), "7")).encode()
    )
    (_, line) = ([None], *read_lines(columns, NOW, FORMATS["webpush"]))
    assert line.registration is not None
    assert (line.registration.platform, line.registration.user_id) == (Platform.WEB, "7")
    as_json = BytesIO(b"".join(orjson.dumps(one) + b"\n" for one in (first, second)))
    same, refused = read_lines(as_json, NOW, FORMATS["webpush"])
    assert same.registration is not None
    assert same.registration.token == line.registration.token
    assert same.registration.device_id == line.registration.device_id
    assert refused.registration is None
    assert refused.reason is not None
    assert "push.example/x" not in refused.reason

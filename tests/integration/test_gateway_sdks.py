"""What the SDKs of Swift, Flutter, Android and .NET really send, and what they can read."""

import gzip
from typing import Any

import pytest
from sqlalchemy import select, update

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.gateway.body import BODY_MAX
from push_pipeline.models import MESSAGE, App
from push_pipeline.settings import reset_settings
from tests.integration.gateway_stand import (
    APP,
    IOS_TOKEN,
    Answer,
    Client,
)

#: What Swift puts into every publish that has a DeliveryOptions object.
SWIFT = {
    "headers": {"ios-content-available": "1"},
    "publishPolicy": "BOTH",
    "pushBroadcast": "FOR_ALL",
}

#: What Flutter puts into every publish; the policy is the index of an enum.
FLUTTER = {
    **dict.fromkeys(("pushBroadcast", "segmentQuery", "publishAt", "repeatExpiresAt")),
    "publishPolicy": 2,
    "pushSinglecast": [],
    "repeatEvery": None,
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url  # what is judged here does not depend on the database


def stored(answer: Answer) -> dict[str, Any]:
    """Return the delivery options of a message that was accepted."""
    assert answer.status == 200, answer.body
    with db.reading() as connection:
        wanted = MESSAGE.id == answer.body["messageId"]
        return connection.execute(select(MESSAGE.delivery_options).where(wanted)).scalar_one()


@pytest.mark.parametrize(
    ("sent", "means"),
    [
        ("FOR_IOS", "IOS"),
        ("FOR_IOS|FOR_ANDROID", "IOS|ANDROID"),
        ("FOR_IOS|FOR_ANDROID|FOR_WP|FOR_OSX", "ALL"),
        ("FOR_ALL", "ALL"),
        ("ios | android", "IOS|ANDROID"),
        ("IOS,ANDROID", "IOS|ANDROID"),
        (["IOS", "FOR_OSX"], "IOS|OSX"),
        (3, "IOS|ANDROID"),
        ("3", "IOS|ANDROID"),
        (15, "ALL"),
        (0, "ALL"),
        ("", "ALL"),
        (None, "ALL"),
    ],
)
def test_every_spelling_of_the_systems_means_the_same(
    api: Client, sent: object, means: str
) -> None:
    assert stored(api.publish(pushBroadcast=sent)).get("pushBroadcast", "ALL") == means


def test_a_list_of_devices_wins_over_for_all_that_swift_sends_with_it(api: Client) -> None:
    options = stored(api.publish(**SWIFT, pushSinglecast=["dev-1", "dev-2", "dev-1"]))

    assert options["pushSinglecast"] == ["dev-1", "dev-2"]


def test_the_empty_list_that_flutter_always_sends_means_everybody(api: Client) -> None:
    answer = api.publish(**FLUTTER)

    assert stored(answer).get("pushSinglecast", []) == []
    assert answer.body["status"] == "scheduled"


def test_an_empty_list_is_refused_where_the_settings_say_so(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_EMPTY_RECIPIENTS", "refuse")
    reset_settings()

    assert api.publish(**FLUTTER).fault == (400, 8008)
    assert stored(api.publish(pushSinglecast=["dev-1"]))["pushSinglecast"] == ["dev-1"]


def test_the_policy_may_be_the_index_of_an_enum(api: Client) -> None:
    for index, policy in enumerate(("PUSH", "PUBSUB", "BOTH")):
        assert stored(api.publish(publishPolicy=index))["publishPolicy"] == policy


def test_the_policy_had_another_name_and_other_values(api: Client) -> None:
    for older, policy in (("ONLY", "PUSH"), ("NONE", "PUBSUB"), ("ALSO", "BOTH")):
        assert stored(api.publish(pushPolicy=older))["publishPolicy"] == policy


def test_a_publish_of_swift_without_delivery_options_is_for_subscribers_only(api: Client) -> None:
    answer = api.publish(publishPolicy="PUBSUB", headers=SWIFT["headers"])

    assert stored(answer)["publishPolicy"] == "PUBSUB"
    assert api.publish(message=None, publishPolicy="PUBSUB").body["status"] == "scheduled"
    assert (answer.body["status"], answer.body["errorMessage"]) == ("scheduled", None)


def test_options_copied_from_a_stored_message_name_the_segment_query(api: Client) -> None:
    assert stored(api.publish(query="os = 'IOS'"))["segmentQuery"] == "os = 'IOS'"
    assert api.publish(query="os =").fault == (400, 1017)


def test_values_of_a_template_may_be_the_body_itself(api: Client) -> None:
    store(name="welcome", message="Hello {name}")

    assert api("POST", "/messaging/push/welcome", {"name": "Kari"}).status == 200
    nested = {"templateValues": {"name": "Kari"}}
    assert api("POST", "/messaging/push/welcome", nested).status == 200
    wrong = api("POST", "/messaging/push/welcome", {"values": {"name": "Kari"}})
    assert wrong.fault == (400, 8007)


def test_an_ios_device_asks_for_templates_without_naming_its_system(api: Client) -> None:
    store(name="apple", message="x", platforms=["IOS"])
    store(name="other", message="x", platforms=["ANDROID"])

    told = api("GET", "/messaging/pushtemplates").body

    assert list(told) == ["apple"]
    assert type(told["apple"]["name"]) is str


def rows_of(api: Client, device_id: str, **more: object) -> list[dict[str, Any]]:
    """Find the rows of a device as Swift does."""
    asked = {"where": f"deviceId='{device_id}'", "pageSize": 10, "offset": 0, **more}
    answer = api("POST", "/data/DeviceRegistration/find", asked)
    assert answer.status == 200, answer.body
    return answer.body


def test_swift_leaves_some_channels_by_the_rows_of_a_table(api: Client) -> None:
    api.register("dev/1", channels=["a b", "news", "sport"], osVersion="17.1")

    rows = rows_of(api, "dev/1")

    assert [row["channelName"] for row in rows] == ["a b", "news", "sport"]
    assert (rows[0]["operatingSystemName"], rows[0]["deviceId"]) == ("IOS", "dev/1")
    assert [row["channelName"] for row in rows_of(api, "dev/1", pageSize=1, offset=1)] == ["news"]
    for row in rows[:2]:
        gone = api("DELETE", f"/data/DeviceRegistration/{row['objectId']}")
        assert type(gone.body["deletionTime"]) is int
    assert [row["channelName"] for row in rows_of(api, "dev/1")] == ["sport"]
    api("DELETE", f"/data/DeviceRegistration/{rows[2]['objectId']}")
    assert rows_of(api, "dev/1") == []
    again = api("DELETE", f"/data/DeviceRegistration/{rows[2]['objectId']}")
    assert again.fault == (400, 5001)


def test_an_older_swift_renews_its_token_by_the_rows_of_a_table(api: Client) -> None:
    api.register("dev-1", channels=["news", "sport"], osVersion="17.1")

    for row in rows_of(api, "dev-1"):
        told = {**row, "deviceToken": "cd" * 32, "os": "IOS", "channels": [row["channelName"]]}
        path = f"/data/DeviceRegistration/{row['objectId']}"
        assert api("PUT", path, told).body["deviceToken"] == "cd" * 32
    (found,) = api("GET", "/messaging/registrations/dev-1").body
    assert (found["deviceToken"], found["osVersion"]) == ("cd" * 32, "17.1")
    assert found["channels"] == ["news", "sport"]
    assert api("PUT", path, {}).fault == (400, 8007)


def test_the_table_tells_of_nobody_whose_id_is_not_known(api: Client) -> None:
    api.register("dev-1")
    for where in ("", "os='IOS'", "deviceId='dev-1' OR os='IOS'", "deviceId LIKE '%'", None):
        asked = api("POST", "/data/DeviceRegistration/find", {"where": where})
        assert asked.fault == (400, 1017), where
    for object_id in ("1::default", "x", "W10", "WyJhIl0", "%FF"):
        gone = api("DELETE", f"/data/DeviceRegistration/{object_id}")
        assert gone.fault[0] == 400, object_id
    assert len(rows_of(api, "dev-1")) == 1
    assert api("POST", "/data/Orders/find", {}).fault == (404, 8002)
    assert api("GET", "/messaging/registrations/dev-1", prefix="/data/APP-1/KEY-1").status == 200


def test_a_registration_may_be_written_as_each_sdk_does(api: Client) -> None:
    soon = now_ms() + 3_600_000
    cases = [
        {"os": "IOS", "osVersion": "17.1", "channels": [""], "expiration": soon},  # Swift
        {"os": "ios", "osVersion": 17, "expiration": soon / 1000},  # JavaScript
        {"os": "IOS", "channels": None, "expiration": None},  # Flutter
    ]
    for fields in cases:
        assert api.register(**fields).status == 200, fields
        (found,) = api("GET", "/messaging/registrations/dev-1").body
        assert found["channels"] == ["default"]
        assert found["expiration"] is None or abs(found["expiration"] - soon) < 1000


def test_a_local_time_of_dart_is_read_by_the_app_s_zone(api: Client) -> None:
    with db.writing() as connection:
        connection.execute(update(App).values(time_zone="Asia/Tokyo"))
    at = {"publishAt": "2035-01-01T09:00:00.000"}
    nine_in_tokyo = 2_051_222_400_000

    answer = api.publish(**at)
    assert stored(answer)["publishAt"] == nine_in_tokyo
    (warned,) = [one for one in answer.body["warnings"] if one["field"] == "publishAt"]
    assert "Asia/Tokyo" in warned["reason"]
    store(name="welcome", message="Hello")
    assert stored(api("POST", "/messaging/push/welcome", at))["publishAt"] == nine_in_tokyo
    made = api.register(expiration="2035-01-01T09:00:00.000").body
    assert made["warnings"][0]["field"] == "expiration"
    (found,) = api("GET", "/messaging/registrations/dev-1").body
    assert found["expiration"] == nine_in_tokyo
    assert api.publish(publishAt="2020-01-01T09:00:00.000").fault == (400, 5030)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
def test_a_body_may_be_compressed(api: Client, encoding: str) -> None:
    packed = gzip.compress(b'{"message": "hello"}')
    assert api("POST", "/messaging/news", packed, Content_Encoding=encoding).status == 200


def test_a_compressed_body_is_bounded_and_whole(api: Client) -> None:
    bomb = gzip.compress(b'{"message": "' + b" " * 50 * BODY_MAX + b'"}')
    assert len(bomb) < BODY_MAX
    packed = gzip.compress(b'{"message": "hello"}')
    for body, fault in (
        (bomb, (413, 8008)),
        (packed[:-3], (400, 8004)),
        (packed + packed, (400, 8004)),
        (b'{"message": "hello"}', (400, 8004)),
    ):
        assert api("POST", "/messaging/news", body, Content_Encoding="gzip").fault == fault
    other = api("POST", "/messaging/news", packed, Content_Encoding="br")
    assert (other.fault, other.headers["accept-encoding"]) == ((415, 8004), "gzip")
    assert "gzip" in other.body["message"]


def test_a_body_may_begin_with_a_byte_order_mark_but_is_utf_8(api: Client) -> None:
    text = '{"message": "hello"}'
    assert api("POST", "/messaging/news", text.encode("utf-8-sig")).status == 200
    assert api("POST", "/messaging/registrations", b"\xef\xbb\xbf").fault == (400, 5006)
    told = api("POST", "/messaging/news", text.encode("utf-16"))
    assert told.fault == (415, 8004)
    assert "UTF-8" in told.body["message"]


def test_a_slash_at_the_end_of_a_path_is_none(api: Client) -> None:
    assert api("POST", "/messaging/registrations/", registration()).status == 200
    published = api("POST", "/messaging/default/", {"message": "x"})
    assert published.status == 200
    message_id = published.body["messageId"]
    assert api("GET", f"/messaging/{message_id}/").body["messageId"] == message_id
    assert api("GET", "/info/").status == 200
    api.register("dev-1/")
    assert api("GET", "/messaging/registrations/dev-1/").body[0]["deviceId"] == "dev-1/"
    assert api("POST", "/messaging/users/", {"message": "x"}).fault == (400, 8007)
    assert api("DELETE", "/messaging/registrations/").fault == (400, 5001)


def test_no_success_looks_like_a_fault_to_swift(api: Client) -> None:
    store(name="welcome", message="Hello", options={"ios": {"customHeaders": {"code": "1"}}})
    published = api.publish(publishAt=now_ms() + 3_600_000).body["messageId"]
    requests = [
        ("GET", "/info", None),
        ("POST", "/messaging/default", {"message": "x", "code": 5}),
        ("POST", "/messaging/push", {"message": "x", "platforms": []}),
        ("POST", "/messaging/push/welcome", {}),
        ("GET", "/messaging/pushtemplates", None),
        ("GET", f"/messaging/{published}", None),
        ("GET", f"/messaging/{published}/ledger", None),
        ("DELETE", f"/messaging/{published}", None),
        ("POST", "/messaging/registrations", registration()),
        ("GET", "/messaging/registrations/dev-1", None),
        ("DELETE", "/messaging/registrations/dev-1", None),
        ("PUT", "/users/u", {"code": 5, "message": "x"}),
    ]
    for method, path, body in requests:
        answer = api(method, path, body)
        assert answer.status == 200, (path, answer.body)
        for told in answer.body if isinstance(answer.body, list) else [answer.body]:
            is_fault = type(told.get("code")) is int and type(told.get("message")) is str
            assert not is_fault, path


def test_every_fault_is_one_to_swift(api: Client) -> None:
    for answer in (
        api("GET", "/messaging/registrations/nobody"),
        api("POST", "/messaging/default", b"?"),
        api("GET", "/nothing"),
        api("GET", "/info", prefix="/no/body"),
        api("GET", "/info", user_token="no token"),
    ):
        assert type(answer.fault[1]) is int


def test_swift_reads_a_list_of_one_and_a_true_truth_value(api: Client) -> None:
    api("POST", "/messaging/registrations", registration())

    read = api("GET", "/messaging/registrations/dev-1")
    assert (type(read.body), len(read.body)) == (list, 1)
    assert api("DELETE", "/messaging/registrations/dev-1").raw == b'{"result":true}'


def registration() -> dict[str, str]:
    return {"deviceToken": IOS_TOKEN, "deviceId": "dev-1", "os": "IOS", "osVersion": "17.1"}


def store(**template: object) -> None:
    with db.writing() as connection:
        put_template(connection, APP, PUSH, PUSH.read(template), now_ms())

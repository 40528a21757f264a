"""Registrations over HTTP: made, renewed, moved, read, ended."""

import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import pytest
from sqlalchemy import func, select, update

from push_pipeline import db
from push_pipeline.audience import Selection, read_page
from push_pipeline.devices.targets import find_targets
from push_pipeline.models import CHANNEL, DEVICE, Device
from tests.integration.gateway_stand import APP, IOS_TOKEN, Client, make_app

OTHER_TOKEN = "cd" * 32


def read(api: Client, device_id: str = "dev-1") -> dict:
    (found,) = api("GET", f"/messaging/registrations/{device_id}").body
    return found


def count_devices() -> int:
    with db.reading() as connection:
        return connection.execute(select(func.count(DEVICE.id))).scalar_one()


def test_a_device_registers_and_is_read_back_as_a_list_of_one(api: Client) -> None:
    answer = api.register(osVersion=17.1, channels=["news", "default"])

    assert answer.status == 200
    assert set(answer.body) == {"registrationId"}
    pairs = [pair.split("::") for pair in answer.body["registrationId"].split(",")]
    assert [channel for _, channel in pairs] == ["news", "default"]
    found = read(api)
    assert set(found.pop("id").split(",")) == set(answer.body["registrationId"].split(","))
    assert found == {
        "deviceId": "dev-1",
        "deviceToken": IOS_TOKEN,
        "os": "IOS",
        "osVersion": "17.1",
        "channels": ["default", "news"],
        "expiration": None,
    }


def test_channels_are_added_and_made_when_they_are_new(api: Client) -> None:
    for channels in (None, [], [""], ["a"], ["b", "a"]):
        api.register(channels=channels)

    assert read(api)["channels"] == ["a", "b", "default"]
    with db.reading() as connection:
        assert set(connection.scalars(select(CHANNEL.name))) == {"a", "b", "default"}


def test_a_new_token_replaces_the_old_one(api: Client) -> None:
    api.register(osVersion="16")
    api.register(osVersion="17", deviceToken=OTHER_TOKEN.upper())

    assert count_devices() == 1
    assert (read(api)["deviceToken"], read(api)["osVersion"]) == (OTHER_TOKEN, "17")


def test_a_token_moves_to_the_device_that_registers_it(api: Client) -> None:
    api.register("old", channels=["old"])
    api.register("new", channels=["new"])

    assert api("GET", "/messaging/registrations/old").fault == (400, 5000)
    assert read(api, "new")["channels"] == ["new"]


def test_32_clients_that_register_one_device_at_once_make_one_device(api: Client) -> None:
    with ThreadPoolExecutor(32) as clients:
        answers = list(clients.map(lambda n: api.register(channels=[f"c{n % 3}"]), range(96)))

    assert {answer.status for answer in answers} == {200}
    assert count_devices() == 1
    assert read(api)["channels"] == ["c0", "c1", "c2"]


def test_two_devices_that_fight_for_a_token_never_get_an_error(api: Client) -> None:
    with ThreadPoolExecutor(32) as clients:
        answers = list(clients.map(lambda n: api.register(f"dev-{n % 2}"), range(96)))

    assert {answer.status for answer in answers} == {200}
    assert count_devices() == 1


def test_a_device_id_may_hold_any_character_and_slashes(
    api: Client, subtests: pytest.Subtests
) -> None:
    cases = ["dev%202/%C3%A4", "a//b/", "x%3Fy%23", "/leading", "push", "%2e%2e/x"]
    for device_id in cases:
        with subtests.test(device_id=device_id):
            assert api.register(unquote(device_id)).status == 200
            assert read(api, device_id)["deviceId"] == unquote(device_id)
            assert api("DELETE", f"/messaging/registrations/{device_id}").status == 200
            assert count_devices() == 0


def test_a_registration_ends_once(api: Client) -> None:
    api.register()

    answer = api("DELETE", "/messaging/registrations/dev-1")

    assert (answer.status, answer.body) == (200, {"result": True})
    assert answer.body["result"] is True
    assert api("DELETE", "/messaging/registrations/dev-1").fault == (400, 5001)
    assert api("GET", "/messaging/registrations/dev-1").fault == (400, 5000)


def test_a_device_may_leave_some_channels_and_is_gone_with_the_last(api: Client) -> None:
    api.register(channels=["a", "b", "c"])

    for none in ("?channels=", "?channels=,"):
        assert api("DELETE", f"/messaging/registrations/dev-1{none}").fault == (400, 8008)
    left = api("DELETE", "/messaging/registrations/dev-1?channels=a,b,never")
    assert left.body == {"result": True, "remaining": 1}
    assert read(api)["channels"] == ["c"]
    left = api("DELETE", "/messaging/registrations/dev-1?channels=c")
    assert left.body == {"result": True, "remaining": 0}
    assert api("DELETE", "/messaging/registrations/dev-1?channels=c").fault == (400, 5001)


def test_an_expiration_is_told_back_in_milliseconds(api: Client, subtests: pytest.Subtests) -> None:
    cases = [
        (4102444800, 4102444800000),
        (4102444800.123, 4102444800123),
        (4102444800000, 4102444800000),
        ("2100-01-01T00:00:00.000Z", 4102444800000),
        (0, None),
        (-5, None),
        (None, None),
    ]
    for given, told in cases:
        with subtests.test(given=given):
            api.register(expiration=given)
            assert read(api)["expiration"] == told


def test_an_expired_registration_is_neither_read_nor_sent_to(api: Client) -> None:
    api.register(expiration=4102444800)
    with db.writing() as connection:
        connection.execute(update(Device).values(expires_at=1))

    assert api("GET", "/messaging/registrations/dev-1").fault == (400, 5000)
    now = time.time_ns() // 1_000_000
    with db.reading() as connection:
        (key,) = connection.scalars(select(DEVICE.id))
        assert find_targets(connection, [key], now) == []
        page = read_page(connection, Selection(APP, "default", ("IOS",)), 0, 10, now)
        assert page.groups == []
    api.register()
    assert read(api)["expiration"] is None


def test_an_expired_registration_cannot_be_ended(api: Client) -> None:
    api.register(expiration=4102444800)
    with db.writing() as connection:
        connection.execute(update(Device).values(expires_at=1))

    for which in ("?channels=default", ""):
        assert api("DELETE", f"/messaging/registrations/dev-1{which}").fault == (400, 5001)


def test_fcm_tokens_and_installation_ids_are_taken(api: Client) -> None:
    for token, kind in (("x" * 150 + ":y", "token"), ("A" * 22, "fid")):
        assert api.register(os="android", deviceToken=token).status == 200
        with db.reading() as connection:
            assert connection.scalars(select(DEVICE.kind)).all() == [kind]
    told = {"os": "IOS", "deviceToken": "x" * 150 + ":z"}
    assert api.register(**told).fault == (400, 8008)
    assert api.register(**told, tokenType="fcm").status == 200
    with db.reading() as connection:
        assert connection.execute(select(DEVICE.platform, DEVICE.kind)).all() == [("IOS", "token")]


def test_what_is_wrong_has_its_code_and_nothing_is_written(
    api: Client, subtests: pytest.Subtests
) -> None:
    good = {"deviceToken": IOS_TOKEN, "deviceId": "dev-1", "os": "IOS"}
    cases = [
        (b"", 5006),
        (b"null", 5006),
        (b"{}", 5006),
        (b"[]", 5005),
        (b"{", 5005),
        (b"\xff", 5005),
        ({**good, "deviceId": None}, 5011),
        ({**good, "deviceToken": None}, 8007),
        ({**good, "deviceToken": "not hexadecimal"}, 8008),
        ({**good, "os": "WP"}, 8008),
        ({**good, "os": "BROWSER"}, 8008),
        ({**good, "os": {"deep": []}}, 8008),
        ({**good, "channels": ["a/b"]}, 5044),
        ({**good, "channels": ["push"]}, 5044),
        ({**good, "channels": "a,b/c"}, 5044),
        ({**good, "expiration": 1}, 5004),
        ({**good, "expiration": 1e300}, 5004),
        ({**good, "expiration": "soon"}, 5004),
        ({**good, "deviceId": "a\0b"}, 8008),
    ]
    for body, code in cases:
        with subtests.test(body=body):
            assert api("POST", "/messaging/registrations", body).fault == (400, code)
    assert count_devices() == 0


def test_a_deleted_channel_takes_its_subscriptions_but_no_device(api: Client) -> None:
    api.register(channels=["my channel", "other"])

    answer = api("DELETE", "/messaging/channels/my%20channel")

    assert (answer.status, answer.body) == (200, True)
    assert read(api)["channels"] == ["other"]
    assert api("DELETE", "/messaging/channels/my%20channel").fault == (400, 5010)
    assert api("DELETE", "/messaging/channels/default").fault == (400, 2000)


def test_an_app_cannot_touch_the_devices_of_another(api: Client) -> None:
    make_app("APP-2", "KEY-2")
    api.register()
    api.prefix = "/APP-2/KEY-2"

    assert api("GET", "/messaging/registrations/dev-1").fault == (400, 5000)
    assert api("DELETE", "/messaging/registrations/dev-1").fault == (400, 5001)
    assert api.register().status == 200
    assert count_devices() == 2


def test_a_time_zone_that_is_unknown_is_told_and_refuses_nobody(api: Client) -> None:
    answer = api.register(timezone="GMT+05:30")

    assert answer.status == 200
    warned = {"field": "timezone", "reason": "unknown, stored without"}
    assert answer.body["warnings"] == [warned]

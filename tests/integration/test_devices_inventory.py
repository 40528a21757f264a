"""Devices as an operator looks at them: by pages, one by one, at a cost that follows the answer."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from sqlalchemy import text

from push_pipeline import db, errors, list_devices, register_device, revive_devices, show_device
from push_pipeline.cli.root import DONE, FAILED, run
from push_pipeline.clock import now_ms
from push_pipeline.devices import inventory, revival
from push_pipeline.directory.apps import ensure_app
from push_pipeline.settings import Settings
from tests.installation import APP
from tests.integration.crowd import READS_ALL, plans_of, populate
from tests.integration.gateway_stand import KEY, Client

FCM_TOKEN = "fcm-token-of-a-device-0123456789"


@pytest.fixture
def shop(settings: Settings, configure: Callable[..., Settings]) -> Iterator[None]:
    """Four devices: two of one user, one of another system, one out of service."""
    configure(app_id=APP)
    with db.writing() as connection:
        ensure_app(connection, APP, APP, now_ms())
    register_device("phone-1", "aa" * 30 + "cafe", "IOS", channels=["news", "sport"], userId="42")
    register_device("phone-2", FCM_TOKEN, "ANDROID", channels=["news"], userId="43")
    register_device("phone-3", "bb" * 32, "IOS", channels=["sport"], userId="42", locale="nb")
    register_device("phone-4", "cc" * 32, "IOS", channels=["news"], properties={"beta": True})
    with db.writing() as connection:
        connection.execute(
            text(
                "UPDATE pipeline_device SET state = 'retired', state_reason = 'Unregistered',"
                " state_since = 1800000000000 WHERE device_id = 'phone-4'"
            )
        )
    yield
    db.dispose()


def ids(**wanted: object) -> list[str]:
    return [one["deviceId"] for one in list_devices(**wanted)["devices"]]


@pytest.mark.usefixtures("shop")
def test_each_filter_narrows_and_all_of_them_together() -> None:
    assert ids() == ["phone-1", "phone-2", "phone-3", "phone-4"]
    assert ids(user="42") == ["phone-1", "phone-3"]
    assert ids(channel="news") == ["phone-1", "phone-2", "phone-4"]
    assert ids(os="android") == ["phone-2"]
    assert ids(user="42", channel="sport", os="IOS") == ["phone-1", "phone-3"]
    assert ids(user="42", channel="news") == ["phone-1"]
    assert ids(user="nobody") == []
    register_device("phone-5", "dd" * 32, "IOS", channels=["caf\u00e9"])
    assert ids(channel="cafe\u0301") == ["phone-5"], "as macOS writes it"
    for wrong, code in (({"channel": "none"}, 5010), ({"os": "WP"}, 8008), ({"limit": 0}, 8008)):
        with pytest.raises(errors.RequestError) as refused:
            list_devices(**wrong)
        assert refused.value.code == code


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("wanted", [{}, {"channel": "news"}, {"user": "42"}, {"os": "IOS"}])
def test_pages_together_are_the_list(wanted: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ids(**wanted)
    monkeypatch.setattr(inventory, "LOOKED_AT", 2)
    found, after = [], 0
    while after is not None:
        page = list_devices(**wanted, limit=1, after=after)
        found += [one["deviceId"] for one in page["devices"]]
        after = page["next"]
    assert found == whole


@pytest.mark.usefixtures("shop")
def test_a_device_is_told_with_all_but_its_token() -> None:
    out = show_device("phone-4")
    assert out["state"] == "retired"
    assert (out["stateReason"], out["stateSince"]) == ("Unregistered", "2027-01-15T08:00:00.000Z")
    assert (out["channels"], out["properties"]) == (["news"], {"beta": True})
    assert show_device("phone-1")["token"] == "…cafe"
    assert "aaaa" not in str(list_devices())
    with pytest.raises(errors.UnknownDevice):
        show_device("phone-5")


@pytest.mark.usefixtures("shop")
def test_who_registers_again_is_not_out_of_service_any_more() -> None:
    register_device("phone-4", "cc" * 32, "IOS")
    assert (show_device("phone-4")["state"], show_device("phone-4")["stateSince"]) == (
        "active",
        None,
    )


def test_the_cost_of_a_page_does_not_depend_on_the_installation(
    settings: Settings, configure: Callable[..., Settings], subtests: pytest.Subtests
) -> None:
    configure(app_id=APP)
    populate()
    wanted = {"channel": "c"}, {"user": "u17"}, {"user": "u17", "channel": "c"}, {"os": "OSX"}
    for filters in (*wanted, {}):
        with subtests.test(**filters), db.reading() as connection, plans_of(connection) as plans:
            key = inventory._channel_key(connection, APP, "c") if "channel" in filters else None
            asked = inventory._Wanted(APP, filters.get("user"), key, filters.get("os"))
            page = inventory._read_page(connection, asked, 0, 10)
        assert len(page["devices"]) == (0 if "os" in filters else 1 if "user" in filters else 10)
        scans = [plan for plan in plans if any(words in plan for words in READS_ALL)]
        assert [one for one in scans if "device_of_app" not in one] == [], scans


@pytest.mark.usefixtures("shop")
def test_the_commands_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devices", "list", "--user", "42", "--limit", "1", "--json"]) == DONE
    page = json.loads(capsys.readouterr().out)
    assert [one["deviceId"] for one in page["devices"]] == ["phone-1"]
    assert run(["devices", "list", "--limit", "1", "--after", str(page["next"])]) == DONE
    told = capsys.readouterr()
    assert "phone-2" in told.out
    assert "phone-3" not in told.out
    assert "--after" in told.err
    assert run(["devices", "show", "phone-4"]) == DONE
    assert "Unregistered" in capsys.readouterr().out
    assert run(["devices", "show", "phone-5"]) == FAILED
    assert "no device has the id 'phone-5'" in capsys.readouterr().err


def test_the_console_lists_and_shows(api: Client) -> None:
    api.register("a/b", channels=["news"])
    api.register("dev-2", deviceToken="cd" * 32, channels=["sport"])
    api.prefix, api.headers = f"/{APP}/console/messaging", {"auth-key": KEY}

    page = api("GET", "/devices?channel=news&os=IOS&limit=1").body
    assert [one["deviceId"] for one in page["devices"]] == ["a/b"]
    assert api("GET", "/devices/a%2Fb").body == page["devices"][0]
    assert page["devices"][0]["token"] == "…abab"
    assert api("GET", "/devices/none").fault == (400, 5000)
    assert api("GET", "/devices?limit=0").fault == (400, 8008)
    assert api("GET", "/devices?channel=none").fault == (400, 5010)


@pytest.fixture
def out(shop: None) -> None:
    """Beside phone-4 two more that are out of service, one of them since nobody knows when."""
    with db.writing() as connection:
        for device_id, since in (("phone-1", "NULL"), ("phone-3", "1800000060000")):
            connection.execute(
                text(
                    "UPDATE pipeline_device SET state = 'quarantined', state_since = "
                    f"{since}, state_reason = 'BadDeviceToken' WHERE device_id = '{device_id}'"
                )
            )


def states() -> dict[str, str]:
    return {one["deviceId"]: one["state"] for one in list_devices()["devices"]}


@pytest.mark.usefixtures("out")
def test_devices_are_revived_by_id_by_time_or_by_reason() -> None:
    named = revive_devices(["phone-4", "phone-2", "phone-9"])
    assert [(one["deviceId"], one["state"]) for one in named.devices] == [("phone-4", "retired")]
    assert (named.unchanged, named.more) == (["phone-2", "phone-9"], False)

    assert revive_devices(since=1_800_000_060_001).devices == []
    late = revive_devices(since="2027-01-15T08:01:00Z", reason="BadDeviceToken")
    assert [one["deviceId"] for one in late.devices] == ["phone-3"]
    assert [one["deviceId"] for one in revive_devices(reason="BadDeviceToken").devices] == [
        "phone-1"
    ]
    assert set(states().values()) == {"active"}
    assert revive_devices(since=0).devices == []


@pytest.mark.usefixtures("out")
def test_what_means_nobody_or_two_things_revives_nobody() -> None:
    for wrong in (
        {},
        {"device_ids": []},
        {"device_ids": ["phone-1"], "reason": "BadDeviceToken"},
        {"since": "yesterday"},
        {"since": datetime(2027, 1, 1)},  # noqa: DTZ001 - what is refused
        {"device_ids": [7]},
    ):
        with pytest.raises(errors.RequestError) as refused:
            revive_devices(**wrong)
        assert refused.value.code == 8008
    assert list(states().values()).count("active") == 1


@pytest.mark.usefixtures("out")
def test_many_are_revived_in_several_calls(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(revival, "AT_ONCE", 1)
    assert revive_devices(reason="BadDeviceToken").more
    assert run(["devices", "revive", "--since", "2027-01-01T00:00Z"]) == DONE
    told = capsys.readouterr()
    assert "phone-4 (IOS): retired 2027-01-15T08:00:00.000Z, Unregistered" in told.out
    assert "in service again" in told.err
    assert run(["devices", "revive"]) == FAILED
    assert run(["devices", "revive", "phone-9"]) == DONE
    assert "phone-9 is not out of service" in capsys.readouterr().err


def test_who_is_out_of_service_is_found_by_an_index(
    settings: Settings, configure: Callable[..., Settings]
) -> None:
    configure(app_id=APP)
    populate()
    with db.writing() as connection:
        connection.execute(text("UPDATE pipeline_device SET state = 'retired' WHERE id = 7"))
    with db.reading() as connection, plans_of(connection) as plans:
        for since, reason in ((5, None), (None, "x"), (5, "x")):
            of_app = [revival.DEVICE.app_id == APP, *revival._put_out(since, reason)]
            assert revival._find(connection, of_app) == []
    assert len(plans) == 3
    for plan in plans:
        assert "pipeline_device_out_" in plan, plan


def test_the_console_revives(api: Client) -> None:
    api.register("dev-1")
    with db.writing() as connection:
        connection.execute(text("UPDATE pipeline_device SET state = 'retired'"))
    api.prefix, api.headers = f"/{APP}/console/messaging", {"auth-key": KEY}

    for wrong in ({}, {"deviceIds": "dev-1"}, {"deviceIds": []}, {"reson": "x"}, {"reason": 7}):
        assert api("POST", "/devices/revive", wrong).fault == (400, 8008)
    done = api("POST", "/devices/revive", {"deviceIds": ["dev-1", "dev-2"]}).body
    assert [one["state"] for one in done["devices"]] == ["retired"]
    assert (done["more"], done["unchanged"]) == (False, ["dev-2"])
    assert api("GET", "/devices/dev-1").body["state"] == "active"

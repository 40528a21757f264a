"""Browsers as devices: registered in every form, reached where the app has a key for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from push_pipeline import db, default_app, publish, register_device, status
from push_pipeline.cli import checks, route_checks
from push_pipeline.cli.root import DONE, FAILED, run
from push_pipeline.clock import now_ms
from push_pipeline.credentials import WebPushCredential
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.provider_routes import find_push_key, list_routes, put_credential
from push_pipeline.models import DEVICE, RUN
from push_pipeline.platform import VENDORS
from push_pipeline.settings import Settings
from push_workers.fanout.fan_out import fan_out
from push_workers.testing import inline
from tests.integration.gateway_stand import Client
from tests.unit.senders.browser import Browser

pytestmark = pytest.mark.usefixtures("nobody_answers")

APP = "APP-1"
GOOGLE = "https://fcm.googleapis.com/fcm/send/abc:APA91"


@pytest.fixture
def app(settings: Settings, configure: Callable[..., Settings]) -> None:
    configure(app_id=APP, broker_url="redis://127.0.0.1:1/0")
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now_ms())


def devices() -> list[tuple[Any, ...]]:
    columns = (DEVICE.device_id, DEVICE.token, DEVICE.kind, DEVICE.platform, DEVICE.environment)
    with db.reading() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(DEVICE.id))]


def audience(to: Any) -> int:
    receipt = publish("default", "Hi", None, {"push_broadcast": to})
    with db.reading() as connection:
        run_id = connection.execute(
            select(RUN.id).where(RUN.message_id == receipt.message_id)
        ).scalar_one()
    fan_out(run_id)
    audience: int = status(receipt.message_id)["runs"][0]["audience"]
    return audience


@pytest.mark.usefixtures("app")
def test_a_message_for_all_is_for_browsers_where_the_app_has_a_key() -> None:
    register_device("phone", "1" * 64, "IOS")
    register_device("page", Browser().to_json(), "WEB")
    assert [one.says.partition(": `")[0] for one in route_checks.unreachable()] == [
        f"{APP}: nothing is sent to its devices of {name}" for name in ("IOS", "WEB")
    ]
    for to, reached in (("ALL", 1), (15, 1), ("IOS|ANDROID", 1), ("WEB", 1), (16, 1), (17, 2)):
        assert audience(to) == reached
    with db.writing() as connection:
        for vendor in VENDORS:
            put_credential(connection, APP, "webpush", vendor, b"sealed", now_ms())
    for to, reached in (("ALL", 2), (15, 2), (31, 2), ("IOS|ANDROID", 1), ("WEB", 1)):
        assert audience(to) == reached


@pytest.mark.usefixtures("app")
def test_a_hosts_test_sees_what_a_browser_would_get() -> None:
    browser = Browser()
    register_device("page", browser.to_json(), "WEB", channels=["news"])
    with inline() as provider:
        headers = {"web-title": "News", "web-link": "https://a.example/1", "id": 7}
        receipt = publish("news", "Hello", {"headers": headers}, {"ttl": 60})
        provider.run()
    [sent] = provider.sent
    assert (sent.token, sent.platform) == (browser.subscription.token, "WEB")
    assert sent.payload["notification"]["title"] == "News"
    assert sent.payload["notification"]["data"] == {"id": 7, "messageId": receipt.message_id}
    assert 55 <= int(sent.headers["ttl"]) <= 60
    [run] = status(receipt.message_id)["runs"]
    assert run["byPlatform"]["WEB"]["accepted"] == 1


def test_a_browser_registers_over_http_and_gets_a_new_endpoint(api: Client) -> None:
    browser, renewed = Browser(GOOGLE), Browser()
    for said in (browser.to_json(), browser.subscription.token):  # what the SDK calls its token
        assert api.register("page", os="WEB", deviceToken=said, channels=["news"]).status == 200
    assert devices() == [("page", browser.subscription.token, "web", "WEB", "google")]

    answer = api.register("page", os="WEB", deviceToken=renewed.to_json())
    assert answer.status == 200
    assert devices() == [("page", renewed.subscription.token, "web", "WEB", "mozilla")]
    (read,) = api("GET", "/messaging/registrations/page").body
    assert (read["os"], read["channels"]) == ("WEB", ["default", "news"])


def test_nothing_is_written_of_a_subscription_at_a_strangers(api: Client) -> None:
    for endpoint in ("http://fcm.googleapis.com/x", "https://127.0.0.1/x", "https://a.example/x"):
        told = Browser(endpoint).to_json()
        assert api.register("page", os="WEB", deviceToken=told).fault == (400, 8008)
    assert devices() == []


COMMAND = ("app", "credentials", "webpush", APP, "--subject")
MAIL = "mailto:push@example.com"


def test_a_key_is_made_once_shown_to_pages_and_never_replaced_silently(
    api: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert api("GET", "/messaging/webpush/key").fault == (400, 5062)
    assert run([*COMMAND, "mailto:push@localhost"]) == FAILED
    assert "the subject must be" in capsys.readouterr().err
    assert run([*COMMAND, MAIL, "--json"]) == DONE
    first = orjson.loads(capsys.readouterr().out)["publicKey"]
    assert api("GET", "/messaging/webpush/key").body == {"publicKey": first}
    with db.reading() as connection:
        routes = list_routes(connection, APP)
        sealed = find_push_key(connection, APP)
    assert {route["environment"] for route in routes} == {*VENDORS}
    assert sealed is not None
    assert b"PRIVATE" not in sealed

    assert run([*COMMAND, "https://example.com"]) == DONE  # the same key, another subject
    assert capsys.readouterr().out.splitlines()[-1] == first
    other = tmp_path / "other.pem"
    other.write_text(WebPushCredential.generate(MAIL).key_pem)
    assert run([*COMMAND, MAIL, "--key-file", str(other)]) == FAILED
    assert "--replace ends their subscriptions" in capsys.readouterr().err
    assert run([*COMMAND, MAIL, "--key-file", str(other), "--replace"]) == DONE
    assert capsys.readouterr().out.splitlines()[-1] != first


@pytest.mark.usefixtures("app")
def test_the_default_apps_key_comes_from_the_settings_and_doctor_tells_of_it(
    configure: Callable[..., Settings], tmp_path: Path
) -> None:
    pem = tmp_path / "vapid.pem"
    pem.write_text(WebPushCredential.generate(MAIL).key_pem)
    default_app.sync(configure(webpush_key_file=str(pem), webpush_subject=MAIL))
    told = [one for one in checks.examine() if "webpush" in one.says]
    assert [one.ok for one in told] == [True]
    assert told[0].says.endswith(
        f"open, never tried: `doctor --live` connects to it; from the file {pem}"
    )

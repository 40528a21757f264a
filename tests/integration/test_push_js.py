"""The scripts for pages and their service workers, run by node against a real gateway."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from push_pipeline.cli.root import DONE, run
from push_pipeline.content import Content
from tests.integration.gateway_stand import APP, Client
from tests.integration.test_simulator_clients import needed
from tests.unit.senders.browser import Browser

CLIENT = Path(__file__).parent / "node_clients" / "browser.js"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url  # what is judged here does not depend on the database


@pytest.fixture
def key(api: Client) -> str:
    assert run(["app", "credentials", "webpush", APP, "--subject", "mailto:a@example.com"]) == DONE
    told: str = api("GET", "/messaging/webpush/key").body["publicKey"]
    return told


def visit(api: Client, browser: Browser, made_with: str, *pushed: object) -> dict[str, Any]:
    told = json.dumps(browser.to_json())
    command = [needed("node"), CLIENT, f"http://127.0.0.1:{api.port}", api.prefix, told, made_with]
    done = subprocess.run(
        command, input=json.dumps(pushed).encode(), capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def pushed(text: str, **headers: object) -> dict[str, object]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Content.from_publish(text, named).for_browsers("M1", "R1")


def test_a_page_registers_its_browser_and_its_worker_shows_what_is_pushed(
    api: Client, key: str
) -> None:
    actions = [{"action": "later", "title": "Later", "navigate": "https://a.example/later"}]
    said = visit(
        api,
        Browser(),
        "",
        pushed("Ready", web_title="Kitchen", web_link="https://a.example/1", web_actions=actions),
        pushed("", id=7),  # for the page's own code
    )
    assert (said["subscribed"], said["key"]) == (1, key)  # once for two visits
    (found,) = api("GET", f"/messaging/registrations/{said['id']}").body
    assert (found["os"], found["channels"]) == ("WEB", ["news"])
    [[title, look]] = said["shown"]
    assert (title, look["body"], look["tag"]) == ("Kitchen", "Ready", "R1")
    assert said["opened"] == ["https://a.example/1", "https://a.example/later"]


def test_a_browser_that_subscribed_with_another_key_subscribes_anew_and_may_leave(
    api: Client, key: str
) -> None:
    other = Browser().to_json()["keys"]["p256dh"]
    said = visit(api, Browser(), other)
    assert (said["subscribed"], said["unsubscribed"], said["key"]) == (1, 2, key)
    assert said["removed"] == {"result": True}
    assert api("GET", f"/messaging/registrations/{said['id']}").fault == (400, 5000)


def test_scripts_are_for_pages_of_any_site(api: Client) -> None:
    for name in ("/push.js", "/push-worker.js"):
        answer = api("GET", name, prefix="")
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"

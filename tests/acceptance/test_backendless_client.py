"""The unmodified npm package `backendless` against a gateway, workers and a simulator."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline import db, status
from pipeline.clock import now_ms
from pipeline.directory.apps import add_key
from pipeline.directory.templates import PUSH, put_template
from pipeline.settings import Settings
from tests.installation import APP, Installation
from tests.processes import Process, cli, wait_until
from tests.running import QUICK, RunningSimulator, start_beat, start_worker
from workers.simulator import SimulatorClient

pytestmark = pytest.mark.slow  # each test starts a whole installation

HERE = Path(__file__).parent / "backendless_client"

KEY = "client-key"
IOS_TOKEN = "a1" * 32
ANDROID_TOKEN = "b" * 22 + ":APA91b" + "z" * 120

IOS = {"uuid": "phone 1/ä", "platform": "ios", "version": "17.1"}
ANDROID = {"uuid": "phone-2", "platform": "android", "version": 15}


@pytest.fixture(scope="session")
def sdk_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SDK, installed once into a directory of the test run."""
    npm = shutil.which("npm")
    assert npm, "npm is missing: install Node 20"
    home = tmp_path_factory.mktemp("backendless")
    shutil.copytree(HERE, home, dirs_exist_ok=True)
    subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"],
        cwd=home, check=True, capture_output=True, timeout=110,
    )  # fmt: skip
    return home


@pytest.fixture
def database_url(postgresql_url: str) -> str:
    return postgresql_url


@dataclass
class Service:
    """A gateway with all that stands behind it, and the SDK before it."""

    home: Path
    url: str
    simulator: SimulatorClient
    app: list[Any]

    def calls(self, *calls: list[Any], device: dict | None = None) -> list[Any]:
        """Make calls of the SDK; return for each its value, or code and HTTP status."""
        told = {"app": self.app, "device": device, "calls": calls}
        done = subprocess.run(
            ["node", "calls.js"],
            cwd=self.home, input=json.dumps(told), capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        printed = json.loads(done.stdout)
        assert printed["info"]["appId"] == APP
        return [
            one["value"] if "value" in one else (one["error"]["code"], one["error"]["status"])
            for one in printed["outcomes"]
        ]

    def call(self, *call: Any, device: dict | None = None) -> Any:
        return self.calls(list(call), device=device)[0]

    def arrived(self, token: str) -> list[dict[str, Any]]:
        """Return the payloads that a device got."""
        entries = [entry for entry in self.simulator.log() if entry["token"] == token]
        return [json.loads(entry["body"]) for entry in entries]

    def finish(self, message_id: str) -> dict[str, Any]:
        """Wait until a message is no longer scheduled; return its ledger's only run."""
        wait_until(lambda: status(message_id)["status"] != "scheduled", 30, message_id)
        return status(message_id)["runs"][0]


@pytest.fixture
def service(
    settings: Settings,
    configure: Callable[..., Settings],
    spawn: Callable[..., Process],
    tmp_path: Path,
    sdk_home: Path,
) -> Iterator[Service]:
    simulator = RunningSimulator(spawn, tmp_path / "simulator").client
    configure(ca_file=simulator.ca_file, app_id=APP, **QUICK)
    installation = Installation(simulator)
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key=KEY)
        template = {"name": "welcome", "message": "Welcome to {city}"}
        put_template(connection, APP, PUSH, PUSH.read(template), now_ms())
    gateway = spawn(*cli("gateway", "--port", "0"))
    start_worker(spawn)
    start_beat(spawn)
    url = gateway.wait_for("listening on ").split("listening on ")[1].split()[0]
    named = {"appId": APP, "apiKey": KEY, "serverURL": f"{url}/"}
    yield Service(sdk_home, url, simulator, [named])
    installation.context.close()
    assert KEY not in gateway.output
    assert IOS_TOKEN not in gateway.output


def register_both(service: Service, channels: list[str]) -> None:
    for device, token in ((IOS, IOS_TOKEN), (ANDROID, ANDROID_TOKEN)):
        answer = service.call("registerDevice", token, channels, device=device)
        assert "::" in answer["registrationId"], answer


def test_what_the_sdk_publishes_arrives_at_the_devices_it_registered(service: Service) -> None:
    register_both(service, ["default", "my channel"])

    published = service.call(
        "publish",
        "my channel",
        {"a": [1, "ü"]},
        {
            "$new": "PublishOptions",
            "of": {
                "publisherId": "shop",
                "headers": {"ios-alert-title": "Kitchen", "android-content-title": "K", "n": 7},
            },
        },
        {"$new": "DeliveryOptions", "of": {"publishPolicy": "PUSH", "pushBroadcast": 3}},
    )

    assert (published["status"], published["errorMessage"]) == ("scheduled", None)
    run = service.finish(published["messageId"])
    assert (run["audience"], run["accepted"]) == (2, 2)
    (apple,) = service.arrived(IOS_TOKEN)
    assert apple["aps"]["alert"]["title"] == "Kitchen"
    assert json.loads(apple["aps"]["alert"]["body"]) == {"a": [1, "ü"]}
    (android,) = service.arrived(ANDROID_TOKEN)
    data = android["message"]["data"]
    assert data["android-content-title"] == "K"
    assert json.loads(data["message"]) == {"a": [1, "ü"]}
    told = service.call("getMessageStatus", published["messageId"])
    assert told == {**published, "status": "published"}


def test_the_sdk_chooses_devices_by_system_by_id_and_by_segment(service: Service) -> None:
    register_both(service, ["default"])
    options = [
        {"$new": "DeliveryOptions", "of": {"pushBroadcast": "IOS"}},
        {"$new": "DeliveryOptions", "of": {"pushSinglecast": [ANDROID["uuid"]]}},
        {"segmentQuery": "osVersion = '17.1'"},
    ]
    headers = {"$new": "PublishOptions", "of": {"headers": {}}}
    published = service.calls(
        *(["publish", "default", f"to {n}", headers, one] for n, one in enumerate(options))
    )

    for one in published:
        assert service.finish(one["messageId"])["accepted"] == 1
    texts = [payload["aps"]["alert"]["body"] for payload in service.arrived(IOS_TOKEN)]
    assert sorted(texts) == ["to 0", "to 2"]
    (android,) = service.arrived(ANDROID_TOKEN)
    assert android["message"]["data"]["message"] == "to 1"


def test_the_sdk_pushes_a_template_and_reads_it_for_a_device(service: Service) -> None:
    register_both(service, [])

    pushed = service.call("pushWithTemplate", "welcome", {"city": "Oslo"})

    assert service.finish(pushed["messageId"])["accepted"] == 2
    (apple,) = service.arrived(IOS_TOKEN)
    assert apple["aps"]["alert"]["body"] == "Welcome to Oslo"
    for device_type in ("IOS", "android"):
        templates = service.call("getPushTemplates", device_type)
        assert templates["welcome"]["name"] == "welcome"
    assert service.calls(
        ["pushWithTemplate", "welcome"], ["pushWithTemplate", "nobody/knows", {}]
    ) == [(8007, 400), (5060, 400)]


def test_the_sdk_delays_repeats_and_cancels(service: Service) -> None:
    register_both(service, ["default"])
    later = now_ms() + 3_600_000
    delayed, dated, repeated, soon = service.calls(
        ["publish", "default", "later", None, {"publishAt": later}],
        ["publish", "default", "later", None, {"publishAt": {"$date": later}}],
        [
            "publish",
            "default",
            "again",
            None,
            {"repeatEvery": 1, "repeatExpiresAt": {"$date": later}},
        ],
        ["publish", "default", "soon", None, {"publishAt": now_ms() + 1500}],
    )

    assert service.finish(soon["messageId"])["accepted"] == 2
    for one in (delayed, dated):
        cancelled = {**one, "status": "cancelled"}
        assert service.calls(
            ["cancel", one["messageId"]],
            ["cancel", one["messageId"]],
            ["getMessageStatus", one["messageId"]],
        ) == [cancelled, (5040, 400), cancelled]
    wait_until(lambda: len(status(repeated["messageId"])["runs"]) >= 2, 30, "a second run")
    assert service.call("cancel", repeated["messageId"])["status"] == "cancelled"
    arrived = [payload["aps"]["alert"]["body"] for payload in service.arrived(IOS_TOKEN)]
    assert "again" in arrived
    assert "later" not in arrived


def test_the_sdk_registers_reads_and_unregisters_a_device(service: Service) -> None:
    expires = (now_ms() // 1000 + 3600) * 1000
    registered, again, (found,), removed, gone, unknown = service.calls(
        ["registerDevice", IOS_TOKEN, ["a"], {"$date": expires}],
        ["registerDevice", IOS_TOKEN, ["b"], expires],
        ["getRegistrations"],
        ["unregisterDevice"],
        ["unregisterDevice"],
        ["getRegistrations"],
        device=IOS,
    )

    assert registered["registrationId"].endswith("::a")
    assert again["registrationId"].endswith("::b")
    assert found == {
        "id": found["id"],
        "deviceId": IOS["uuid"],
        "deviceToken": IOS_TOKEN,
        "os": "IOS",
        "osVersion": "17.1",
        "channels": ["a", "b"],
        "expiration": expires,
    }
    assert removed == {"result": True}
    assert (gone, unknown) == ((5001, 400), (5000, 400))


def test_the_sdk_is_told_the_codes_of_what_is_wrong(service: Service) -> None:
    told = service.calls(
        ["publish", "default", "x", None, {"publishAt": 1}],
        ["publish", "default", "x", None, {"repeatEvery": 5, "repeatExpiresAt": 1}],
        ["publish", "default", None],
        ["publish", "default"],
        ["publish", "channels", "x"],
        ["publish", "default", "x", None, {"pushBroadcast": "SYMBIAN"}],
        ["cancel", "message:NOBODY"],
        ["registerDevice", IOS_TOKEN, ["a"], 1],
        ["registerDevice"],
        [
            "sendEmail",
            "subject",
            {"$new": "Bodyparts", "of": {"textmessage": "x"}},
            ["a@b.example"],
        ],
        device=IOS,
    )
    codes = [one[0] for one in told]
    assert codes == [5030, 5003, 5041, 8007, 5044, 8008, 5040, 5004, 8007, 5050]

    unknown = service.call("getMessageStatus", "message:NOBODY")
    assert unknown == {"messageId": "message:NOBODY", "status": "unknown", "errorMessage": None}


def test_the_sdk_does_the_same_by_domain_without_ids(service: Service) -> None:
    service.app = [service.url]
    register_both(service, ["default", "news"])

    published = service.call("publish", "news", "hello")

    assert service.finish(published["messageId"])["accepted"] == 2
    ((found,), told, denied) = service.calls(
        ["getRegistrations"],
        ["getMessageStatus", published["messageId"]],
        ["deleteChannel", "news"],
        device=IOS,
    )
    assert found["channels"] == ["default", "news"]
    assert told["status"] == "published"
    assert denied == (2000, 400)  # only a key with the scope admin opens this


def test_the_sdk_deletes_a_channel(service: Service) -> None:
    register_both(service, ["default", "old news"])
    assert service.calls(
        ["deleteChannel", "old news"], ["deleteChannel", "old news"], ["deleteChannel", "default"]
    ) == [True, (5010, 400), (2000, 400)]

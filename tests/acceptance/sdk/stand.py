"""A gateway, workers and a simulator, and the unmodified SDK before them."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from push_pipeline import status
from push_workers.simulator import SimulatorClient
from tests.processes import wait_until

KEY = "client-key"
IOS_TOKEN = "a1" * 32
ANDROID_TOKEN = "b" * 22 + ":APA91b" + "z" * 120

IOS = {"uuid": "phone 1/ä", "platform": "ios", "version": "17.1"}
ANDROID = {"uuid": "phone-2", "platform": "android", "version": 15}


@dataclass
class SdkInstallation:
    """What runs for all tests of the SDK."""

    home: Path
    url: str
    simulator: SimulatorClient
    settings: dict[str, object]

    def open(self, app_id: str, key: str) -> "Service":
        """Let the SDK speak to it for an app."""
        named = {"appId": app_id, "apiKey": key, "serverURL": f"{self.url}/"}
        return Service(self.home, self.url, self.simulator, app_id, [named])


@dataclass
class Service:
    """A gateway with all that stands behind it, and the SDK before it."""

    home: Path
    url: str
    simulator: SimulatorClient
    app_id: str
    app: list[Any]

    def calls(
        self, *calls: list[Any], device: dict | None = None, user: dict | None = None
    ) -> list[Any]:
        """Make calls of the SDK; return for each its value, or code and HTTP status."""
        told = {"app": self.app, "device": device, "user": user, "calls": calls}
        done = subprocess.run(
            ["node", "calls.js"],
            cwd=self.home, input=json.dumps(told), capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        printed = json.loads(done.stdout)
        assert printed["info"]["appId"] == self.app_id
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


def register_both(service: Service, channels: list[str]) -> None:
    for device, token in ((IOS, IOS_TOKEN), (ANDROID, ANDROID_TOKEN)):
        answer = service.call("registerDevice", token, channels, device=device)
        assert "::" in answer["registrationId"], answer

"""Steering a simulator that runs elsewhere, over its control API."""

from collections.abc import Iterable, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

import orjson

#: The control API answers from memory; one that needs longer, in seconds, is broken.
_TIMEOUT_SECONDS = 30


class ControlError(RuntimeError):
    """The simulator refused a call; the text says why."""


class SimulatorClient:
    """The controls of one simulator. One connection per call: safe from any thread or process."""

    def __init__(self, control_url: str) -> None:
        parts = urlsplit(control_url)
        self.control_url = control_url
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        info = self.call("GET", "/simulator")
        self.apns_url: str = info["apns_url"]
        self.fcm_url: str = info["fcm_url"]
        self.webpush_url: str = info["webpush_url"]
        self.dir = Path(info["dir"])
        self.ca_file = Path(info["ca_file"])
        self.client_file = Path(info["client_file"])
        self.key_file = Path(info["key_file"])
        self.service_account_file = Path(info["service_account_file"])
        self.key_id: str = info["key_id"]
        self.team_id: str = info["team_id"]
        self.topic: str = info["topic"]
        self.project_id: str = info["project_id"]

    def rules(self, rules: Iterable[Mapping[str, Any]]) -> Self:
        """Replace the rules; see push_workers/simulator/rules.py for their fields."""
        self.call("PUT", "/rules", list(rules))
        return self

    def behave(self, **changes: object) -> Self:
        """Change switches; see push_workers/simulator/behaviour.py for their names."""
        self.call("PATCH", "/behaviour", changes)
        return self

    def fault(self, kind: str, **values: object) -> int:
        """Commit a fault now; return how many connections it met. See faults.py."""
        connections: int = self.call("POST", f"/faults/{kind}", values)["connections"]
        return connections

    def devices(self, devices: Iterable[Mapping[str, Any]]) -> Self:
        """Register devices; see push_workers/simulator/devices.py for their fields."""
        self.call("POST", "/devices", list(devices))
        return self

    def device(self, token: str) -> dict[str, Any]:
        """Return a device, what its user would see by topic, and its subscriptions."""
        shown: dict[str, Any] = self.call("GET", f"/devices/{quote(token, safe='')}")
        return shown

    def keys(self, keys: Iterable[Mapping[str, Any]]) -> Self:
        """Make other APNs signing keys known; see push_workers/simulator/keyring.py."""
        self.call("POST", "/keys", list(keys))
        return self

    def log(self) -> list[dict[str, Any]]:
        """Return the requests, oldest first; empty with `fast`."""
        entries: list[dict[str, Any]] = self.call("GET", "/log")
        return entries

    def received(self) -> dict[str, int]:
        """Return token -> how many requests were processed (accepted, answered or not)."""
        counts: dict[str, int] = self.call("GET", "/received")
        return counts

    def attempts(self) -> dict[str, int]:
        """Return token -> how many requests came, whatever became of them."""
        counts: dict[str, int] = self.call("GET", "/attempts")
        return counts

    def duplicates(self) -> list[dict[str, Any]]:
        """Return token, id and count of what was processed more than once.

        The id is the payload's logical id; where it has none, the apns-id; where that is missing
        too, a digest of the content.
        """
        rows: list[dict[str, Any]] = self.call("GET", "/duplicates")
        return rows

    def metrics(self) -> dict[str, Any]:
        """Return what was counted: connections, streams, tokens, answers."""
        counts: dict[str, Any] = self.call("GET", "/metrics")
        return counts

    def reset(self) -> Self:
        """Forget rules, devices, behaviour, log and counts. Connections stay."""
        self.call("POST", "/reset")
        return self

    def call(self, method: str, path: str, content: object = None) -> Any:
        """Make one call of the control API and return its JSON.

        Raises:
            ControlError: the simulator refused it.
        """
        host, port = self._address
        connection = HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
        body = None if content is None else orjson.dumps(content)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            answer = orjson.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:  # noqa: PLR2004 - an HTTP status
            raise ControlError(f"{method} {path}: {answer['error']}")
        return answer

"""The stand-ins for the providers as a child process: its command, its settings, its counts."""

import json
import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self

from push_pipeline.errors import SetupError
from push_pipeline.supervisor import commands
from push_pipeline.supervisor.child import Program

#: Seconds. It makes its keys at the first start, which takes about one.
START_SECONDS = 30.0

#: Seconds for one call of its control API; the counts of a large audience take a while.
_CALL_SECONDS = 30.0

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class SimulatedProviders:
    """Where the stand-ins listen. Chosen by us, so that a restart finds them where they were."""

    folder: Path
    apns_port: int
    fcm_port: int
    webpush_port: int
    control_port: int

    @classmethod
    def on_free_ports(cls, folder: Path) -> Self:
        """Choose ports of the loopback that nobody listens on."""
        return cls(folder, *_free_ports(4))

    @property
    def control_url(self) -> str:
        """Where its control API is."""
        return f"http://127.0.0.1:{self.control_port}"

    @property
    def webpush_url(self) -> str:
        """Where its push service of browsers is."""
        return f"https://localhost:{self.webpush_port}"

    @property
    def other_webpush_url(self) -> str:
        """The same under another name: to who pushes there, a push service of its own."""
        return f"https://127.0.0.1:{self.webpush_port}"

    def program(self) -> Program:
        """Describe the process."""
        options = {
            "--apns-port": self.apns_port,
            "--fcm-port": self.fcm_port,
            "--webpush-port": self.webpush_port,
            "--control-port": self.control_port,
            "--dir": self.folder,
        }
        words = [str(word) for pair in options.items() for word in pair]
        return Program("simulator", commands.simulator(*words, "--json"))

    def wait_until_ready(self) -> dict[str, str]:
        """Wait for it and return the settings that make it the default app's providers.

        Raises:
            SetupError: it did not start in time.
        """
        deadline = time.monotonic() + START_SECONDS
        pause = threading.Event()
        while time.monotonic() < deadline:
            try:
                return _settings(self.ask("GET", "/simulator"))
            except (OSError, HTTPException):
                pause.wait(_POLL_SECONDS)
        raise SetupError("the simulated providers do not start: see simulator.log")

    def ask(self, method: str, path: str, content: object = None) -> Any:
        """Make one call of its control API and return the answer."""
        connection = HTTPConnection("127.0.0.1", self.control_port, timeout=_CALL_SECONDS)
        try:
            connection.request(method, path, None if content is None else json.dumps(content))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


def _settings(info: dict[str, Any]) -> dict[str, str]:
    return {
        "PIPELINE_APNS_KEY_FILE": info["key_file"],
        "PIPELINE_APNS_KEY_ID": info["key_id"],
        "PIPELINE_APNS_TEAM_ID": info["team_id"],
        "PIPELINE_APNS_TOPIC": info["topic"],
        "PIPELINE_APNS_ENVIRONMENT": "production",
        "PIPELINE_APNS_URL": info["apns_url"],
        "PIPELINE_FCM_SERVICE_ACCOUNT_FILE": info["service_account_file"],
        "PIPELINE_FCM_URL": info["fcm_url"],
        "PIPELINE_WEBPUSH_KEY_FILE": info["push_key_file"],
        "PIPELINE_WEBPUSH_SUBJECT": "mailto:demo@example.com",
        "PIPELINE_WEBPUSH_HOSTS": _hosts(info["webpush_url"]),
        "PIPELINE_CA_FILE": info["ca_file"],
    }


def _hosts(url: str) -> str:
    """Return the push service by both of its names."""
    port = url.rpartition(":")[2]
    return f"localhost:{port} 127.0.0.1:{port}"


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:  # all at once, or the same one might come twice
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]

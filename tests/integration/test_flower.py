"""Flower beyond this machine is for who has the operators' key."""

import base64
from collections.abc import Callable
from http.client import HTTPConnection

import pytest

from push_pipeline.cli.flower import is_loopback
from push_pipeline.settings import Settings
from tests.processes import Process, cli, run_cli


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def ask(port: int, key: str | None = None) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    said = base64.b64encode(f"operator:{key}".encode()).decode()
    connection.request("GET", "/tasks", headers={"Authorization": f"Basic {said}"} if key else {})
    status = connection.getresponse().status
    connection.close()
    return status


def test_beyond_the_loopback_flower_asks_for_the_operators_key(
    settings: Settings, spawn: Callable[..., Process]
) -> None:
    assert settings.operator_key is not None
    key = settings.operator_key.get_secret_value()

    flower = spawn(*cli("flower", "--host", "0.0.0.0", "--port", "0"))
    port = int(flower.wait_for("Flower listens on").split("http://0.0.0.0:")[1].split()[0])

    assert [ask(port), ask(port, "guessed"), ask(port, key)] == [401, 401, 200]
    assert key not in flower.output


def test_without_a_key_flower_stays_on_this_machine(
    settings: Settings, configure: Callable[..., Settings]
) -> None:
    configure(operator_key="")
    refused = run_cli("flower", "--host", "0.0.0.0")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: PIPELINE_OPERATOR_KEY is not set")


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.7", False), ("push.example", False), ("", False)],
)  # fmt: skip
def test_only_the_loopback_is_this_machine(host: str, here: bool) -> None:
    assert is_loopback(host) is here

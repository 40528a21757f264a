"""Clients that we did not write talk to the simulator, unchanged but for address and CA."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from push_workers.simulator import Simulator
from tests.integration.simulator_peer import provider_token

HERE = Path(__file__).parent
TOKENS = [f"ab{n:062x}" for n in range(50)]
PATIENCE_SECONDS = 60


@pytest.fixture
def sim():
    with Simulator() as sim:
        yield sim


def needed(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def run(*command: str | Path, **env: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def info(sim: Simulator) -> str:
    return json.dumps(sim.call("GET", "/simulator"))


def push_headers(sim: Simulator) -> list[str]:
    fields = [f"authorization: bearer {provider_token(sim)}", f"apns-topic: {sim.topic}"]
    return [part for field in fields for part in ("-H", field)]


def test_curl_sends_over_http2(sim):
    out = run(
        needed("curl"), "--silent", "--http2", "--cacert", sim.ca_file, *push_headers(sim),
        "--data", '{"aps":{"alert":"hi"}}', "--write-out", "%{http_version} %{http_code} %{json}",
        f"{sim.apns_url}/3/device/{TOKENS[0]}",
    )  # fmt: skip

    assert out.startswith("2 200 ")
    assert sim.received() == {TOKENS[0]: 1}


def test_curl_speaks_either_http_to_fcm(sim):
    for version, flag in (("2", "--http2"), ("1.1", "--http1.1")):
        out = run(
            needed("curl"), "--silent", flag, "--cacert", sim.ca_file, "--data", "x=y",
            "--write-out", "\n%{http_version} %{http_code}",
            f"{sim.fcm_url}/token", f"{sim.fcm_url}/v1/projects/p/messages:send",
        )  # fmt: skip
        assert f"{version} 400" in out  # a form that is no assertion
        assert f"{version} 401" in out  # a send without an access token, same connection
    assert sim.metrics()["http1_connections"] == 1


def test_nghttp_sends_and_reads_the_settings(sim, tmp_path):
    body = tmp_path / "body"
    body.write_text('{"aps":{"alert":"hi"}}')

    out = run(
        needed("nghttp"), "--verbose", *push_headers(sim), f"--data={body}",
        f"{sim.apns_url}/3/device/{TOKENS[0]}",
    )  # fmt: skip

    assert "SETTINGS_MAX_CONCURRENT_STREAMS(0x03):1]" in out
    assert ":status: 200" in out
    assert "PROTOCOL_ERROR" not in out


def test_aioapns_sends_and_understands_refusals(sim):
    sim.behave(initial_streams=1000)
    out = run(
        sys.executable, HERE / "client_programs" / "aioapns_client.py", info(sim),
        *TOKENS, "dead" + TOKENS[0], "bad0" + TOKENS[0],
    )  # fmt: skip

    rows = json.loads(out)
    assert [row[0] for row in rows] == [200] * len(TOKENS) + [410, 400]
    assert [row[1] for row in rows[-2:]] == ["Unregistered", "BadDeviceToken"]
    assert sim.received() == dict.fromkeys(TOKENS, 1)


def test_firebase_admin_sends_and_understands_refusals(sim):
    tokens = [f"{token}:APA91b" for token in TOKENS[:10]]
    out = run(
        sys.executable, HERE / "client_programs" / "firebase_client.py", info(sim),
        *tokens, "dead" + tokens[0], "f00d" + tokens[0], "0429" + tokens[0],
        REQUESTS_CA_BUNDLE=str(sim.ca_file),
    )  # fmt: skip

    results = json.loads(out)
    assert all(name.startswith(f"projects/{sim.project_id}/messages/") for name in results[:10])
    assert results[10:] == ["UnregisteredError", "SenderIdMismatchError", "QuotaExceededError"]
    assert sim.received() == dict.fromkeys(tokens, 1)
    assert sim.duplicates() == []


@pytest.fixture(scope="session")
def node_clients(tmp_path_factory) -> Path:
    """The Node clients with their packages, installed once into a directory of the test run."""
    npm = needed("npm")
    home = tmp_path_factory.mktemp("node-clients")
    shutil.copytree(HERE / "node_clients", home, dirs_exist_ok=True)
    subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"],
        cwd=home, check=True, capture_output=True, timeout=110,
    )  # fmt: skip
    return home


def test_node_apn_sends_and_understands_refusals(sim, node_clients):
    sim.behave(initial_streams=1000)  # it opens all streams before it has read SETTINGS
    out = run(needed("node"), node_clients / "apn.js", info(sim), *TOKENS, "dead" + TOKENS[0])

    result = json.loads(out)
    assert sorted(result["sent"]) == TOKENS
    assert [row[1:] for row in result["failed"]] == [[410, "Unregistered"]]
    assert sim.received() == dict.fromkeys(TOKENS, 1)

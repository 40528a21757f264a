"""`python -m push_workers.simulator` as a program: its one line, its files, its end."""

import json
import signal
import sys
import time
from pathlib import Path

import pytest

from push_workers.simulator import Simulator, SimulatorClient
from push_workers.simulator.client import ControlError
from tests.integration.simulator_peer import ApnsPeer, FcmPeer
from tests.running import RunningSimulator


def client_of(running: RunningSimulator) -> SimulatorClient:
    return SimulatorClient(running.info["control_url"])


def test_it_prints_ports_and_files_and_writes_them_down(spawn, tmp_path):
    running = RunningSimulator(spawn, tmp_path)

    info = running.info
    assert json.loads((tmp_path / "simulator.json").read_text()) == info
    for name in ("ca_file", "key_file", "service_account_file", "client_file"):
        assert Path(info[name]).read_text()
    assert Path(info["key_file"]).name == f"AuthKey_{info['key_id']}.p8"
    account = json.loads(Path(info["service_account_file"]).read_text())
    assert account["token_uri"] == info["fcm_url"] + "/token"
    assert (tmp_path / "ca.pem").stat().st_mode & 0o777 == 0o600


def test_a_restart_keeps_the_keys(spawn, tmp_path):
    def contents() -> dict[str, bytes]:
        names = ("ca.pem", "client.pem", "server.pem")
        return {name: (tmp_path / name).read_bytes() for name in names} | {
            "p8": next(tmp_path.glob("*.p8")).read_bytes()
        }

    first = RunningSimulator(spawn, tmp_path)
    before = contents()
    first.process.signal(signal.SIGTERM)
    assert first.process.wait() == 0

    RunningSimulator(spawn, tmp_path)

    assert contents() == before


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_at_once_even_with_requests_open(spawn, tmp_path, name):
    running = RunningSimulator(spawn, tmp_path, "--behaviour", '{"delay_seconds": [60, 60]}')
    with ApnsPeer(client_of(running)) as peer:
        peer.push()
        started = time.monotonic()
        running.process.signal(getattr(signal, name))

        assert running.process.wait() == 0
        assert time.monotonic() - started < 2


def test_a_taken_port_is_one_line_and_exit_code_1(spawn, tmp_path):
    with Simulator() as sim:
        port = sim.apns_url.rpartition(":")[2]
        process = spawn(
            sys.executable, "-m", "push_workers.simulator", "--apns-port", port, "--dir", tmp_path
        )
        assert process.wait() == 1
        assert process.output.strip().splitlines()[-1].startswith("The simulator cannot start:")


def test_the_client_steers_a_process_as_it_steers_a_thread(spawn, tmp_path):
    sim = client_of(RunningSimulator(spawn, tmp_path))
    sim.rules([{"times": 1, "action": {"status": 503}}])
    with ApnsPeer(sim) as peer:
        assert [peer.ask().status for _ in range(2)] == [503, 200]

    assert list(sim.received().values()) == [1]
    assert sim.reset().received() == {}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/rules", [{"action": {"stauts": 1}}]), ("/behaviour", {"no_such": 1}),
        ("/faults/earthquake", {}), ("/nowhere", {}), ("/devices", [{"state": "dead"}]),
        ("/keys", [{"key_id": "x", "team_id": "y", "public_key": "z"}]),
    ],
)  # fmt: skip
def test_a_misspelt_order_is_refused_with_a_reason(path, content):
    method = {"/rules": "PUT", "/behaviour": "PATCH"}.get(path, "POST")
    with Simulator() as sim, pytest.raises(ControlError, match=path):
        sim.call(method, path, content)


def test_several_processes_answer_as_one(spawn, tmp_path):
    sim = client_of(RunningSimulator(spawn, tmp_path, "--workers", "2", "--fast"))
    sim.rules([{"match": {"prefix": "aa"}, "action": {"status": 500}}])

    given = "123e4567-e89b-12d3-a456-426655440000"
    for _ in range(12):  # each connection meets either process
        with ApnsPeer(sim) as peer:
            assert peer.ask("ab", apns_id=given).status == 200
            assert peer.ask("aa").status == 500

    assert sim.received() == {"ab": 12}
    assert sim.attempts() == {"ab": 12, "aa": 12}
    assert sim.duplicates() == [{"token": "ab", "id": given, "count": 12}]
    assert sim.metrics()["answers"] == {"apns 200": 12, "apns 500 InternalServerError": 12}
    assert sim.log() == []


def test_an_access_token_of_one_process_is_good_in_all(spawn, tmp_path):
    sim = client_of(RunningSimulator(spawn, tmp_path, "--workers", "2"))
    token = ""
    for _ in range(8):
        with FcmPeer(sim) as peer:
            peer.access_token = token
            assert peer.ask({"token": "a" * 20, "data": {"k": "v"}}).status == 200
            token = peer.access_token

    assert sim.metrics()["token_fetches"] == 1


def test_provider_hours_pass_in_seconds_with_a_time_scale():
    with Simulator(time_scale=2400) as sim, ApnsPeer(sim) as peer:
        fresh = peer.ask()
        deadline = time.monotonic() + 5
        while (reply := peer.ask()).status == 200 and time.monotonic() < deadline:
            pass

    assert fresh.status in {200, 403}
    assert reply.reason == "ExpiredProviderToken"

"""`drill`: something is broken in an installation of its own, and the promises hold."""

import json

import pytest

from push_pipeline.cli.drills import DRILLS
from tests.acceptance.test_up import processes_in
from tests.processes import run_cli


@pytest.mark.slow
def test_connections_are_retired_and_every_promise_holds(configure, tmp_path):
    configure(
        database_url="postgresql://real.example/push",  # never met: a drill is on its own
        broker_url="redis://real.example/0",
        app_id="real",
    )
    done = run_cli("drill", "goaway", "--devices", "400", "--json", timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["ok"]
    assert all(promise["ok"] for promise in told["promises"])
    assert told["after"]["accepted"] == told["after"]["audience"] == 400
    assert processes_in(tmp_path) == {}


def test_the_drills_are_listed_and_others_refused(configure):
    configure()
    listed = run_cli("drill", "--list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(DRILLS)
    refused = run_cli("drill", "nonsense")
    assert refused.returncode == 1
    assert "push-pipeline drill --list" in refused.stderr

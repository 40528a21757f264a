"""`drill`: something is broken, in an installation of its own or on staging; promises hold."""

import json
import signal

import pytest
from sqlalchemy import select

from push_pipeline import cancel, db
from push_pipeline.cli.drills import DRILLS
from push_pipeline.clock import now_ms
from push_pipeline.models import APP, DEVICE
from tests.acceptance.test_up import processes_in
from tests.processes import cli, run_cli
from tests.running import Stand


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


@pytest.mark.slow
def test_a_drill_on_staging_leaves_nothing_behind_and_keeps_out_of_the_way(
    stand: Stand, spawn, tmp_path
):
    stand.start_worker()
    stand.start_beat()
    drill = ("drill", "goaway", "--staging", "--devices", "200")
    other = stand.installation.publish(publish_at=now_ms() + 60_000)

    refused = run_cli(*drill)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"message {other} of APP-1 is under way or due" in refused.stderr
    cancel(other)

    done = run_cli(*drill, "--json", timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["after"]["accepted"] == told["after"]["audience"] == 200
    assert left_behind() == (["APP-1"], [])

    stopped = spawn(*cli("drill", "slow-provider", "--staging", "--devices", "2000"))
    stopped.wait_for("accepted; now:")
    stopped.signal(signal.SIGINT)
    assert stopped.wait() == 130
    assert left_behind() == (["APP-1"], [])
    assert stand.simulator.received() == {}


def left_behind() -> tuple[list[str], list[str]]:
    """Return the apps and the devices that there are."""
    with db.reading() as connection:
        return list(connection.scalars(select(APP.id))), list(connection.scalars(select(DEVICE.id)))

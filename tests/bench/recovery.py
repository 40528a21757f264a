"""Measure what a disturbance costs: a worker and a beat killed, an outage, connections retired.

Delayed messages while one of two workers and one of two beats are killed (how late each is), the
worker killed that fans a broadcast out (how soon another goes on), a provider that is away for a
time (how long after that all is sent), a server that says GOAWAY after each hundred requests (how
much longer it takes). Everything shares this machine's cores. Run it as
`python -m tests.bench.recovery [--delayed N] [--fan-out N] [--outage SECONDS] [--devices N]
[--json]`.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis
from sqlalchemy import func, select

from push_pipeline import db, migrations, publish, signs
from push_pipeline.clock import now_ms
from push_pipeline.models import RUN, Run
from push_pipeline.settings import Settings, get_settings, reset_settings
from push_pipeline.settings_report import variable
from tests.audience import everything_that_ended, ios
from tests.faults.test_far_off import children
from tests.processes import Process, wait_until
from tests.running import Stand
from tests.services import Postgres

#: What an installation has that says nothing of these.
AS_SHIPPED = {
    "lease_seconds": 60,
    "send_timeout_seconds": 30,
    "tick_seconds": 1,
    "retry_factor": 1,
    "visibility_timeout_seconds": 180,
}

#: Seconds within which delayed messages are due, and after the first of which somebody is killed.
SPREAD = 20.0
KILLED_AFTER = 6.0

#: What the provider answers while it is away: it takes no connection, or says that it fails.
OUTAGES = ("unreachable", "failing")

#: Devices that are sent to in an outage: the route's news is what is measured.
IN_OUTAGE = 500

#: Seconds. More than anything here takes on a slow machine.
PATIENCE = 600.0


@contextmanager
def stand() -> Iterator[Stand]:
    """A broker, a simulator and PostgreSQL, with the settings that are shipped."""
    with ExitStack() as running:
        directory = Path(running.enter_context(tempfile.TemporaryDirectory()))
        postgres = Postgres()
        postgres.start()
        running.callback(postgres.remove)
        url = postgres.url(postgres.create())
        numbers = iter(range(100))

        def spawn(*command: str | Path, **options: object) -> Process:
            log = directory / f"process-{next(numbers)}.log"
            return running.enter_context(Process(command, log, **options))

        def configure(**values: object) -> Settings:
            given = {"metrics_dir": directory / "metrics", **values}
            os.environ |= {variable(name): str(value) for name, value in given.items()}
            reset_settings()
            settings = get_settings()
            migrations.upgrade(db.engine())
            return settings

        running.callback(db.dispose)
        made = Stand(spawn, configure, url, directory, **AS_SHIPPED)
        running.callback(made.close)
        yield made


def measure_delayed(count: int, *, killing: bool) -> dict[str, float]:
    """Let delayed messages come due while one of two workers and of two beats is killed, or not."""
    with stand() as made:
        workers = [made.start_worker() for _ in range(2)]
        beats = [made.start_beat() for _ in range(2)]
        begin = now_ms() + 3_000
        for number, device_id in enumerate(made.installation.register(ios(count))):
            at = begin + round(number / count * SPREAD * 1_000)
            publish("news", "x", None, {"publish_at": at, "push_singlecast": [device_id]})
        _pass_until(begin / 1_000 + KILLED_AFTER)
        if killing:
            workers[0].kill()
            beats[0].kill()
        wait_until(lambda: _open_runs() == 0, PATIENCE, "the end of every run")
        late = _lateness()
    return {
        "runs": len(late),
        "p50": late[len(late) // 2],
        "p90": late[int(len(late) * 0.9)],
        "max": late[-1],
    }


def measure_killed_fan_out(devices: int) -> dict[str, float]:
    """Kill the worker that fans out, in the middle; seconds until another goes on, and is through.

    Its lease has a minute to run then.
    """
    with stand() as made, redis.Redis.from_url(made.broker.url()) as client:
        made.subscribe(ios(devices))
        # Nobody delivers: whose fan-out goes on is not a question of who is busy.
        workers = [made.start_worker("publish,schedule", children=1) for _ in range(2)]
        made.start_beat()
        _await_signs(client, len(workers))
        message_id = made.installation.publish()
        wait_until(lambda: _page_of(message_id)[0] > 0, PATIENCE, every=0.002)
        child = str(_fanning_out(client))
        (mine,) = (one for one in workers if child in children(one.pid).split())
        mine.kill()
        killed, at = time.monotonic(), _page_of(message_id)
        wait_until(lambda: _page_of(message_id) != at, PATIENCE, every=0.002)
        went_on = time.monotonic()
        wait_until(lambda: _page_of(message_id)[1] == "sending", PATIENCE, every=0.002)
        through = time.monotonic()
        missing = devices - _page_of(message_id)[0]
        return {
            "written before": at[0],
            "goes on": went_on - killed,
            "through": through - killed,
            "missing": missing,
        }


def _await_signs(client: redis.Redis, count: int) -> None:
    wait_until(lambda: len(client.hgetall(f"{get_settings().key_prefix}workers")) == count, 60)


def _fanning_out(client: redis.Redis) -> int:
    """Return the child that notes a fan-out."""
    prefix = get_settings().key_prefix
    workers = (key.decode().rpartition(":")[2] for key in client.keys(f"{prefix}claims:*"))
    noted = (one for worker in workers for one in signs.held_by(client, prefix, worker))
    return next(one.child for one in noted if isinstance(one, signs.FanOut))


def _page_of(message_id: str) -> tuple[int, str]:
    with db.reading() as connection:
        found = select(RUN.audience, RUN.state).where(RUN.message_id == message_id)
        audience, state = connection.execute(found).one()
        return audience, state


def measure_outage(seconds: float, kind: str) -> dict[str, float]:
    """Let the provider be away for a time; seconds from its return to the end of a message."""
    with stand() as made:
        made.start_worker()
        made.start_beat()
        made.subscribe(ios(IN_OUTAGE))
        made.finish(made.installation.publish(), PATIENCE)
        began = time.time()
        _begin_outage(made, kind)
        message_id = made.installation.publish()
        _pass_until(began + seconds)
        made.simulator.rules([]).behave(connects_max=None)
        back = time.monotonic()
        run = made.finish(message_id, PATIENCE)
        return {"seconds": time.monotonic() - back, "accepted": run["accepted"]}


def _begin_outage(made: Stand, kind: str) -> None:
    if kind == "failing":
        made.simulator.rules([{"match": {"provider": "apns"}, "action": {"status": 503}}])
        return
    made.simulator.behave(connects_max=0, connects_penalty_seconds=0.1)
    made.simulator.fault("drop")


def measure_retired(devices: int) -> dict[str, float]:
    """Compare a server that retires connections after a hundred requests with one that stays."""
    with stand() as made:
        made.start_worker()
        made.start_beat()
        made.subscribe(ios(devices))
        _timed(made)  # opens what is opened once
        calm = _timed(made)
        retire = {"match": {"provider": "apns", "every": 100}, "action": {"goaway": "Shutdown"}}
        made.simulator.rules([retire])
        retired = _timed(made)
    return {"calm": calm, "retired": retired, "ratio": retired / calm}


def _timed(made: Stand) -> float:
    began = time.monotonic()
    made.finish(made.installation.publish(), PATIENCE)
    return time.monotonic() - began


def _pass_until(moment: float) -> None:
    wait_until(lambda: time.time() >= moment, PATIENCE)


def _open_runs() -> int:
    with db.reading() as connection:
        statement = select(func.count()).select_from(Run).where(RUN.finished_at.is_(None))
        return connection.execute(statement).scalar_one()


def _lateness() -> list[float]:
    """Return by how many seconds each delivery was answered after its time, the latest last."""
    with db.reading() as connection:
        due = dict(connection.execute(select(RUN.id, RUN.due_at)).all())
    ended = everything_that_ended()
    return sorted((one.settled_at - due[one.run_id]) / 1_000 for one in ended)


def measure(
    delayed: int, fan_out: int, outage: float, devices: int
) -> Iterator[tuple[str, dict[str, float]]]:
    """Measure each disturbance on an installation of its own; one whose size is 0 is left out."""
    if delayed:
        yield "delayed, calm", measure_delayed(delayed, killing=False)
        yield "delayed, killed", measure_delayed(delayed, killing=True)
    if fan_out:
        yield "fan-out, killed", measure_killed_fan_out(fan_out)
    if outage:
        for kind in OUTAGES:
            yield f"outage, {kind}", measure_outage(outage, kind)
    if devices:
        yield "retired", measure_retired(devices)


def main() -> int:
    """Print the figures, or with --json one document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.recovery")
    parser.add_argument("--delayed", type=int, default=200)
    parser.add_argument("--fan-out", type=int, default=300_000)
    parser.add_argument("--outage", type=float, default=60.0)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {}
    sizes = options.delayed, options.fan_out, options.outage, options.devices
    for name, figures in measure(*sizes):
        found[name] = figures
        if not options.json:
            said = ", ".join(f"{key} {value:,.3f}" for key, value in figures.items())
            print(f"{name}: {said}", flush=True)
    if options.json:
        print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

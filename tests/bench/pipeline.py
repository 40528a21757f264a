"""Measure transport, deliver task and whole pipeline against h2load, in one run and one sink.

Everything shares this machine's cores: PostgreSQL, Valkey, the workers and the sink. Processor
time is the figure to trust. Run it as
`python -m tests.bench.pipeline [--devices N] [--rounds N] [--json]`.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import select, text

from push_pipeline import db, migrations, publish, status
from push_pipeline.clock import now_ms
from push_pipeline.credentials import ApnsCredential, seal
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.provider_routes import put_credential
from push_pipeline.models import BATCH, RUN
from push_pipeline.settings import get_settings, reset_settings
from push_workers.delivery.deliver import deliver
from push_workers.delivery.process import Context
from push_workers.fanout.fan_out import fan_out
from push_workers.simulator.identity import Identity
from tests.bench.sink import Sink
from tests.bench.transport import Scenario, _own_cpu, run_h2load, run_ours
from tests.processes import Process, wait_until
from tests.running import start_beat, start_worker
from tests.services import Postgres, Valkey

APP = "bench"
H2LOAD = Scenario("apns, 4 connections", 4, 100_000)

#: Seconds. A run of a hundred thousand takes five on two slow cores.
PATIENCE_SECONDS = 300.0

#: Children of the worker that delivers, beside one for the fan-out and the tick.
CHILDREN = 4

_POPULATE = """
WITH new AS (
  INSERT INTO pipeline_device (app_id, device_id, token, kind, platform, environment, state,
                      created_at, registered_at)
  SELECT 'bench', 'device-' || n, lpad(to_hex(n), 64, '0'), 'apns', 'IOS', '', 'active', 0, 0
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n RETURNING id)
INSERT INTO pipeline_subscription (channel_key, device_key) SELECT :channel, id FROM new
"""


_NEW_CHANNEL = """
INSERT INTO pipeline_channel (app_id, name, created_at) VALUES ('bench', :name, 0) RETURNING id
"""


def populate(channel: str, count: int) -> None:
    """Register `count` devices in a channel of its own; tokens as long as Apple's."""
    with db.writing() as connection:
        last = connection.execute(
            text("SELECT coalesce(max(id), 0) FROM pipeline_device")
        ).scalar_one()
        key = connection.execute(text(_NEW_CHANNEL), {"name": channel}).scalar_one()
        connection.execute(
            text(_POPULATE), {"first": last + 1, "last": last + count, "channel": key}
        )
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE pipeline_device, pipeline_subscription"))


def set_up(sink: Sink, directory: Path) -> None:
    """Create the schema, the app and its credential, which points at the sink."""
    migrations.upgrade(db.engine())
    identity = Identity(directory)
    identity.ensure()
    credential = ApnsCredential.from_key_file(
        identity.key_file,
        key_id="BENCHKEY01",
        team_id="BENCHTEAM1",
        topic="com.example.app",
        url=sink.url,
    )
    secret = get_settings().secret_key
    assert secret is not None
    with db.writing() as connection:
        ensure_app(connection, APP, "Benchmark", now_ms())
        sealed = seal(secret.get_secret_value(), credential)
        put_credential(connection, APP, "apns", "production", sealed, now_ms())


def run_whole(channel: str) -> dict[str, float]:
    """Publish and wait until the ledger is closed; seconds by the database's own times."""
    before = _cpu_of_all()
    started = time.perf_counter()
    message_id = publish(channel, "x" * 200).message_id

    def finished() -> dict | None:
        run = status(message_id)["runs"][0]
        return run if run["state"] == "finished" else None

    run = wait_until(finished, PATIENCE_SECONDS, "the end of the run")
    seconds = time.perf_counter() - started
    if run["accepted"] != run["audience"]:
        raise RuntimeError(f"not every device was accepted: {run}")
    used = (_cpu_of_all() - before) / run["audience"] * 10_000
    return {"rate": run["audience"] / seconds, "cpu": used, "seconds": seconds}


def run_tasks(channel: str) -> float:
    """Deliver a run's batches in this process; processor seconds per 10,000 devices."""
    message_id = publish(channel, "x" * 200).message_id
    with db.reading() as connection:
        run_id = connection.execute(select(RUN.id).where(RUN.message_id == message_id)).scalar_one()
    while fan_out(run_id):
        pass
    with db.reading() as connection:
        keys = list(connection.scalars(select(BATCH.id).where(BATCH.run_id == run_id)))
    context = Context()
    deliver(keys[0], context)  # opens the connections
    before = _own_cpu()
    for key in keys[1:]:
        deliver(key, context)
    used = _own_cpu() - before
    context.close()
    run = status(message_id)["runs"][0]
    if run["accepted"] != run["audience"]:
        raise RuntimeError(f"not every device was accepted: {run}")
    return used / (run["audience"] * (len(keys) - 1) / len(keys)) * 10_000


def _cpu_of_all() -> float:
    """Processor seconds of every process on this machine so far."""
    first = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _wait, irq, soft, *_ = map(int, first)
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


@contextmanager
def installation() -> Iterator[tuple[Sink, Path]]:
    """PostgreSQL, Valkey and the sink, with the environment set for them."""
    with ExitStack() as running:
        directory = Path(running.enter_context(tempfile.TemporaryDirectory()))
        sink = running.enter_context(Sink())
        valkey, postgres = Valkey(directory), Postgres()
        postgres.start()
        running.callback(postgres.remove)
        valkey.start()
        running.callback(valkey.stop)
        os.environ |= {
            "PIPELINE_DATABASE_URL": postgres.url(postgres.create()),
            "PIPELINE_BROKER_URL": valkey.url(),
            "PIPELINE_APP_ID": APP,
            "PIPELINE_SECRET_KEY": "the benchmark's secret",
            "PIPELINE_CA_FILE": str(sink.ca_file),
            "PIPELINE_FCM_RATE": "0",  # what the machine can, not what Google allows
        }
        reset_settings()
        set_up(sink, directory)
        running.callback(db.dispose)
        yield sink, directory


def measure(devices: int, rounds: int) -> dict[str, object]:
    """Interleave h2load, the deliver task and the whole pipeline; medians."""
    with installation() as (sink, directory), ExitStack() as running:
        numbers = iter(range(100))

        def spawn(*command: str | Path, **options: object) -> Process:
            log = directory / f"process-{next(numbers)}.log"
            return running.enter_context(Process(command, log, **options))

        populate("all", devices)
        populate("some", 20_000)
        # Before there are workers: they would take the batches.
        tasks = [
            (run_h2load(H2LOAD, sink, directory), run_ours(H2LOAD, sink), run_tasks("some"))
            for _ in range(rounds)
        ]
        start_worker(spawn, "publish,schedule", children=1)
        start_worker(spawn, "apns,apns.bulk", children=CHILDREN)
        start_beat(spawn)
        run_whole("some")  # opens the workers' connections
        wholes = [(run_h2load(H2LOAD, sink, directory), run_whole("all")) for _ in range(rounds)]
    return {
        "devices": devices,
        "h2load": _medians(asdict(its) for its, *_ in (*tasks, *wholes)),
        "transport": _medians(
            {**asdict(bare), "rate_ratio": bare.rate / its.rate, "cpu_ratio": bare.cpu / its.cpu}
            for its, bare, _ in tasks
        ),
        "deliver_task": _medians(
            {"cpu": task, "cpu_ratio": task / its.cpu} for its, _, task in tasks
        ),
        "whole": _medians(
            {**whole, "rate_ratio": whole["rate"] / its.rate} for its, whole in wholes
        ),
    }


def _medians(runs: Iterable[dict[str, float]]) -> dict[str, float]:
    found = list(runs)
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def _print(found: dict) -> None:
    h2load, bare, task, whole = (
        found[name] for name in ("h2load", "transport", "deliver_task", "whole")
    )
    print(f"{'':16}{'per second':>12}{'CPU s/10k':>12}{'of h2load: rate':>18}{'CPU':>8}")
    print(f"{'h2load':16}{h2load['rate']:>12,.0f}{h2load['cpu']:>12.4f}")
    print(
        f"{'bare transport':16}{bare['rate']:>12,.0f}{bare['cpu']:>12.4f}"
        f"{bare['rate_ratio']:>17.2f}x{bare['cpu_ratio']:>7.2f}x"
    )
    print(f"{'deliver task':16}{'':>12}{task['cpu']:>12.4f}{'':>18}{task['cpu_ratio']:>7.2f}x")
    print(
        f"{'whole pipeline':16}{whole['rate']:>12,.0f}{whole['cpu']:>12.4f}"
        f"{whole['rate_ratio']:>17.3f}x"
    )
    print(
        f"{found['devices']:,} devices took {whole['seconds']:.2f} s from publish to closed ledger;"
        " its CPU is that of every process on the machine"
    )


def main() -> int:
    """Print the figures, or with --json one document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pipeline")
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.devices, options.rounds)
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    _print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure the gateway: 200 clients at once publish and register, and publish while Redis hangs.

Each client asks again as soon as it was answered, so that the service is always full: its rate is
what it can do, and the times are those of a full house. Client, gateway, PostgreSQL and Valkey
share this machine's cores; no worker runs. What a core can do is told by the processor time of the
gateway, which depends on its neighbours less than the clock does. Run it as
`python -m tests.bench.gateway [--seconds S] [--clients N] [--workers N] [--json]`.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from push_pipeline import db, migrations
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import add_key, ensure_app
from push_pipeline.settings import reset_settings
from tests.processes import Process, cli
from tests.services import Postgres, Valkey

APP, KEY = "bench", "bench-key"

#: Seconds in which a publish must be answered whatever the broker does.
BUDGET_SECONDS = 2.0

#: How many times the clients of a quiet hour the others are: with a full house an answer waits
#: for those before it, whatever the broker does.
FULL_HOUSE = 20

CALM = "the same, a quiet hour"

#: Seconds of each load that is not counted: first requests import and compile.
WARMING_SECONDS = 3.0

Request = Callable[[int], bytes]

#: Of all loads, so that a new device is new.
_numbers = count()


@dataclass
class Load:
    """What came of one load."""

    name: str
    seconds: float = 0.0
    times: list[float] = field(default_factory=list)  # seconds, one for each answer
    errors: int = 0
    cpu_seconds: float = 0.0  # of the gateway
    database_seconds: float = 0.0  # of processor time, of PostgreSQL

    def row(self) -> dict[str, object]:
        cuts = statistics.quantiles(self.times, n=1000)
        return {
            "load": self.name,
            "answers": len(self.times),
            "errors": self.errors,
            "per_second": round(len(self.times) / self.seconds, 1),
            "p50_ms": round(cuts[499] * 1000, 1),
            "p99_ms": round(cuts[989] * 1000, 1),
            "max_ms": round(max(self.times) * 1000, 1),
            "cpu_ms": round(self.cpu_seconds / len(self.times) * 1000, 3),
            "database_ms": round(self.database_seconds / len(self.times) * 1000, 3),
            "of_a_core": round(len(self.times) / self.cpu_seconds),
            "over_budget": sum(took > BUDGET_SECONDS for took in self.times),
        }


def post(path: str, body: dict[str, object]) -> bytes:
    data = json.dumps(body).encode()
    head = (
        f"POST /{APP}/{KEY}{path} HTTP/1.1\r\nHost: bench\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def publish(_: int) -> bytes:
    return post("/messaging/default", {"message": "Dinner is ready"})


def register(number: int) -> bytes:
    device = {"deviceId": f"device-{number}", "deviceToken": f"{number:064x}", "os": "IOS"}
    return post("/messaging/registrations", {**device, "channels": ["default", "news"]})


def renew(number: int) -> bytes:
    return register(number % 1000)


def cpu_of(pid: int) -> float:
    """Return the processor time of a process, its children and those that ended, in seconds."""
    used = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # one that has just ended
            told = stat.read_text().rpartition(")")[2].split()
            if stat.parent.name == str(pid):
                used += sum(map(int, told[11:15]))
            elif told[1] == str(pid):
                used += sum(map(int, told[11:13]))
    return used / os.sysconf("SC_CLK_TCK")


async def drive(load: Load, port: int, clients: int, seconds: float, request: Request) -> None:
    """Let clients ask until the time is over, and wait for their last answers."""
    began = time.perf_counter()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() - began < seconds:
            asked = time.perf_counter()
            writer.write(request(next(_numbers)))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            load.times.append(time.perf_counter() - asked)
            load.errors += not head.startswith(b"HTTP/1.1 200")
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    load.seconds = time.perf_counter() - began


@contextmanager
def service(directory: Path, processes: int) -> Iterator[tuple[Process, int, Valkey, int]]:
    """A gateway before PostgreSQL and Valkey.

    Yields it, its port, the broker and the id of the database's process.
    """
    with ExitStack() as parts:
        broker = Valkey(directory)
        broker.start()
        parts.callback(broker.kill)
        postgres = Postgres()
        postgres.start()
        parts.callback(postgres.remove)
        os.environ |= {
            "PIPELINE_DATABASE_URL": postgres.url(postgres.create()),
            "PIPELINE_BROKER_URL": broker.url(),
            "PIPELINE_APP_ID": APP,
        }
        reset_settings()
        migrations.upgrade(db.engine())
        with db.writing() as connection:
            ensure_app(connection, APP, APP, now_ms())
            add_key(connection, APP, now_ms(), key=KEY)
        db.dispose()
        command = cli("gateway", "--port", "0", "--workers", str(processes))
        gateway = Process(command, directory / "gateway.log")
        parts.enter_context(gateway)
        shown = gateway.wait_for("Application startup complete").split("listening on ")[1]
        yield gateway, int(shown.split()[0].rpartition(":")[2]), broker, postgres.pid


def measure(clients: int, seconds: float, processes: int, rounds: int) -> Iterator[Load]:
    """Run one load after the other, in rounds; after them Redis is frozen."""
    with tempfile.TemporaryDirectory() as folder, service(Path(folder), processes) as parts:
        gateway, port, broker, database = parts

        def run(name: str, request: Request, duration: float) -> Load:
            load = Load(name)
            before, theirs = cpu_of(gateway.pid), cpu_of(database)
            asyncio.run(drive(load, port, clients, duration, request))
            load.cpu_seconds = cpu_of(gateway.pid) - before
            load.database_seconds = cpu_of(database) - theirs
            return load

        for request in (publish, register):
            run("warming", request, WARMING_SECONDS)
        for _ in range(rounds):
            yield run("publish", publish, seconds)
            yield run("register, new devices", register, seconds / 2)
            yield run("register, known devices", renew, seconds / 2)
        broker.freeze()
        yield run("publish, Redis frozen", publish, seconds)
        clients = max(1, clients // FULL_HOUSE)
        yield run(CALM, publish, seconds / 4)
        broker.thaw()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="of each publish load")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1, help="processes of the gateway")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one line of JSON for each load")
    options = parser.parse_args()
    columns = (
        *("answers", "errors", "per_second", "p50_ms", "p99_ms", "max_ms"),
        *("cpu_ms", "database_ms", "of_a_core", "over_budget"),
    )
    if not options.json:
        print(f"{'load':24}" + "".join(f"{name:>12}" for name in columns))
    failed = False
    for load in measure(options.clients, options.seconds, options.workers, options.rounds):
        row = load.row()
        failed = failed or bool(row["errors"] or (load.name == CALM and row["over_budget"]))
        if options.json:
            print(json.dumps(row), flush=True)
        else:
            cells = "".join(f"{row[name]:>12}" for name in columns)
            print(f"{load.name:24}{cells}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()

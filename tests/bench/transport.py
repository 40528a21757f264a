"""Measure the transport against h2load: same server, same core, rounds in turn.

h2load is nghttp2's load generator in C, the practical limit of one core. Processor time is the
figure to trust; rates move with whatever else the machine does. Run it as
`python -m tests.bench.transport [--json] [--rounds N] [--requests N]`.
"""

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from push_workers.senders.http2 import Transport
from tests.bench.sink import Sink

BATCH = 1000
#: A usual APNs payload, in bytes.
BODY = b'{"aps":{"alert":{"title":"Title","body":"' + b"x" * 268 + b'"}}}'
HEADERS = [
    (b"authorization", b"bearer " + b"e" * 176),
    (b"apns-topic", b"com.example.app"),
    (b"apns-push-type", b"alert"),
    (b"apns-priority", b"10"),
    (b"apns-expiration", b"1893456000"),
]
FCM_HEADERS = [
    (b"authorization", b"Bearer " + b"e" * 200),
    (b"content-type", b"application/json"),
]
FCM_BODY = b'{"message":{"token":"%b","data":{"message":"' + b"x" * 250 + b'"}}}'

SERVER_CORE, CLIENT_CORE = 0, 1


@dataclass(frozen=True)
class Scenario:
    """One way to drive the server."""

    name: str
    connections: int
    requests: int
    delay: int = 0  # milliseconds
    jitter: int = 0  # milliseconds
    fcm: bool = False  # ours only; h2load always sends the APNs form

    @property
    def far(self) -> bool:
        """Answers come late and one by one, as from a real provider."""
        return self.delay > 0


@dataclass(frozen=True)
class Run:
    """One measured run."""

    rate: float  # requests a second
    cpu: float  # seconds of processor time per 10,000 requests


def run_h2load(scenario: Scenario, sink: Sink, directory: Path) -> Run:
    """Run h2load once; its processor time without that of reading its input."""
    uris = directory / "uris"
    uris.write_text("".join(f"{sink.url}/3/device/{n:064x}\n" for n in range(BATCH)))
    body = directory / "body"
    body.write_bytes(BODY)
    options = [
        *("-t1", f"-c{scenario.connections}", f"-m{BATCH}", f"-i{uris}", f"-d{body}"),
        "-Hapns-id: 00000000-0000-0000-0000-000000000000",
        *(f"-H{name.decode()}: {value.decode()}" for name, value in HEADERS),
    ]
    output, cpu = _resources_of(["h2load", f"-n{scenario.requests}", *options])
    _, idle = _resources_of(["h2load", f"-n{scenario.connections}", *options])
    succeeded = re.search(r"(\d+) succeeded", output)
    rate = re.search(r"([\d.]+) req/s", output)
    if succeeded is None or rate is None or int(succeeded[1]) != scenario.requests:
        raise RuntimeError(f"h2load did not finish:\n{output}")
    return Run(float(rate[1]), (cpu - idle) / scenario.requests * 10_000)


def run_ours(scenario: Scenario, sink: Sink) -> Run:
    """Send the same number of requests in batches, over connections that are kept."""
    paths, bodies, ids, headers = _fcm() if scenario.fcm else _apns()
    batch = BATCH * (scenario.connections if scenario.far else 1)
    paths, ids = paths * (batch // BATCH), ids and ids * (batch // BATCH)
    bodies = bodies if isinstance(bodies, bytes) else bodies * (batch // BATCH)
    transport = Transport(
        sink.host,
        sink.port,
        tls=sink.tls,
        connections=scenario.connections,
        request_id_header=b"apns-id",
    )

    def send() -> None:
        replies = transport.send_batch(
            paths, bodies, headers=lambda _connection: headers, request_ids=ids
        )
        if replies.others:
            raise RuntimeError(f"not every request was answered: {transport.stats}")

    send()
    before, started = _own_cpu(), time.perf_counter()
    for _ in range(scenario.requests // batch):
        send()
    seconds, cpu = time.perf_counter() - started, _own_cpu() - before
    sent = scenario.requests // batch * batch
    transport.close()
    return Run(sent / seconds, cpu / sent * 10_000)


def _apns() -> tuple:
    paths = [b"/3/device/%064x" % n for n in range(BATCH)]
    ids = [b"00000000-0000-0000-0000-%012x" % n for n in range(BATCH)]
    return paths, BODY, ids, HEADERS


def _fcm() -> tuple:
    paths = [b"/v1/projects/bench/messages:send"] * BATCH
    return paths, [FCM_BODY % (b"%0150x" % n) for n in range(BATCH)], None, FCM_HEADERS


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resources_of(command: list[str]) -> tuple[str, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return result.stdout, sum(
        getattr(after, field) - getattr(before, field) for field in ("ru_utime", "ru_stime")
    )


def measure(scenario: Scenario, rounds: int) -> dict[str, object]:
    """Medians of both, and the medians of the ratios within each round."""
    pinned = (os.cpu_count() or 1) > 1 and hasattr(os, "sched_setaffinity")
    server = {"delay": scenario.delay, "jitter": scenario.jitter, "one_record": scenario.far}
    with (
        Sink(**server, core=SERVER_CORE if pinned else None) as sink,
        tempfile.TemporaryDirectory() as directory,
    ):
        if pinned:
            os.sched_setaffinity(0, {CLIENT_CORE})
        pairs = [
            (run_h2load(scenario, sink, Path(directory)), run_ours(scenario, sink))
            for _ in range(rounds)
        ]
    limit, ours = zip(*pairs, strict=True)
    return {
        **asdict(scenario),
        "h2load": asdict(_median(limit)),
        "ours": asdict(_median(ours)),
        "rate_ratio": statistics.median(our.rate / its.rate for its, our in pairs),
        "cpu_ratio": statistics.median(our.cpu / its.cpu for its, our in pairs),
    }


def _median(runs: tuple[Run, ...]) -> Run:
    return Run(
        statistics.median(run.rate for run in runs), statistics.median(run.cpu for run in runs)
    )


def _scenarios(requests: int) -> list[Scenario]:
    return [
        Scenario("apns, 1 connection", 1, requests),
        Scenario("apns, 4 connections", 4, requests),
        Scenario("apns, 4 connections, 20-50 ms, a record each", 4, requests, delay=20, jitter=30),
        Scenario("fcm, 1 connection (h2load: apns)", 1, requests, fcm=True),
    ]


def _print_table(results: list[dict], show: Callable[[str], object] = print) -> None:
    show(f"{'':47}{'requests/s':>20}{'CPU s/10k':>18}{'ours / h2load':>16}")
    show(f"{'':47}{'h2load':>10}{'ours':>10}{'h2load':>10}{'ours':>8}{'rate':>9}{'CPU':>7}")
    for result in results:
        limit, ours = result["h2load"], result["ours"]
        show(
            f"{result['name']:47}{limit['rate']:>10,.0f}{ours['rate']:>10,.0f}"
            f"{limit['cpu']:>10.4f}{ours['cpu']:>8.4f}"
            f"{result['rate_ratio']:>8.2f}x{result['cpu_ratio']:>6.2f}x"
        )


def main() -> int:
    """Print one table, or with --json one document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.transport")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=100_000, help="per round and scenario")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if shutil.which("h2load") is None:
        print("h2load is missing: install nghttp2-client", file=sys.stderr)
        return 1
    results = [measure(scenario, options.rounds) for scenario in _scenarios(options.requests)]
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        _print_table(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())

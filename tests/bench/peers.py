"""Measure other clients beside ours and h2load: one sink on one core, each of them on the other.

Each is used as its documentation uses it, with packages of its own (`build/bench`, made on first
use). Their processes stay, so that starting them and opening connections is not measured. Run it as
`python -m tests.bench.peers [--rounds N] [--delay 0,20,50] [--count N] [--only NAME] [--json]`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from push_workers.simulator.identity import Identity
from tests.bench.peer_environment import CLIENTS, NotInstalled, node_packages, python_environment
from tests.bench.sink import Sink
from tests.bench.transport import CLIENT_CORE, SERVER_CORE, Scenario, run_h2load, run_ours
from tests.processes import die_with_parent

#: What a client is called, its program, and more words for it.
PYTHON = {
    "aioapns": ["with_aioapns.py"],
    "django-push-notifications, APNs": ["with_django.py", "apns"],
    "firebase-admin": ["with_firebase_admin.py"],
    "pyfcm": ["with_pyfcm.py"],
    "django-push-notifications, FCM": ["with_django.py", "fcm"],
}
NODE = {"@parse/node-apn": ["with_node_apn.cjs"]}

#: These open a connection for each push, or a thread: a tenth of the pushes is enough.
SLOW = ("pyfcm", "firebase-admin", "django-push-notifications, FCM")

CONNECTIONS = 4

#: Pushes before those that are measured: they open the connections that a client has let go.
WARMING = 100

Send = Callable[[int], dict[str, float]]


class PeerFailed(Exception):
    """A client ended; the text is the last that it said."""


class Peer:
    """A client's process; as a context manager it can send."""

    def __init__(self, command: list[str], stand: Mapping[str, Any], env: Mapping[str, str]):
        program, more = CLIENTS / command[1], command[2:]
        self._command = [command[0], program, json.dumps(stand), *more]
        self._env = {**os.environ, **env}

    def send(self, count: int) -> dict[str, float]:
        """Let it send to so many devices; what it says of that.

        Raises:
            PeerFailed: it has ended.
        """
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{count}\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise PeerFailed(self._log.read()[-2000:])
        return json.loads(line)

    def __enter__(self) -> "Peer":
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=self._env,
            text=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509  # one thread, and no lock taken
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()


def peers(sink: Sink, directory: Path, only: str | None) -> Iterator[tuple[str, Peer]]:
    """Make ready each client that can be had, and say why another is left out."""
    identity = Identity(directory)
    identity.ensure()
    identity.point_service_account(f"{sink.url}/token")
    stand = {
        "url": sink.url,
        "host": sink.host,
        "port": sink.port,
        "ca_file": str(sink.ca_file),
        "key_file": str(identity.key_file),
        "service_account_file": str(identity.service_account_file),
    }
    trusting = {"SSL_CERT_FILE": stand["ca_file"], "REQUESTS_CA_BUNDLE": stand["ca_file"]}
    for clients, find in ((NODE, _node), (PYTHON, _python)):
        wanted = {name: words for name, words in clients.items() if only in (None, name)}
        try:
            program, env = find() if wanted else ("", {})
        except NotInstalled as error:
            print(f"left out: {', '.join(wanted)}: {error}", file=sys.stderr)
            continue
        for name, words in wanted.items():
            yield name, Peer([program, *words], stand, trusting | env)


def _node() -> tuple[str, dict[str, str]]:
    return "node", {"NODE_PATH": str(node_packages())}


def _python() -> tuple[str, dict[str, str]]:
    return str(python_environment() / "python"), {}


def measure(
    delays: list[int], rounds: int, count: int, requests: int, only: str | None
) -> list[dict]:
    """Let each of them send in turns; what each says of each round."""
    pinned = (os.cpu_count() or 1) > 1 and hasattr(os, "sched_setaffinity")
    with (
        Sink(core=SERVER_CORE if pinned else None) as sink,
        tempfile.TemporaryDirectory() as folder,
        ExitStack() as running,
    ):
        directory = Path(folder)
        if pinned:
            os.sched_setaffinity(0, {CLIENT_CORE})
        clients = {name: running.enter_context(peer) for name, peer in peers(sink, directory, only)}
        found = []
        for number in range(rounds):
            for delay in delays:
                sink.answer_after(delay)
                scene = {"round": number, "delay": delay}
                for name, one in _one_turn(sink, directory, delay, requests):
                    found.append({"client": name, **scene, **one})
                for name, told in _turns(clients, sink, count):
                    found.append({"client": name, **scene, **told})
    return _complete(found, rounds * len(delays))


def _turns(clients: dict[str, Peer], sink: Sink, count: int) -> Iterator[tuple[str, dict]]:
    """Let each client send; who fails is left out from then on."""
    for name, peer in list(clients.items()):
        try:
            told = _told(peer, sink, count // 10 if name in SLOW else count)
        except PeerFailed as error:
            print(f"left out: {name}: {error}", file=sys.stderr)
            del clients[name]
        else:
            yield name, told


def _complete(found: list[dict], turns: int) -> list[dict]:
    """Leave out who did not have every turn."""
    had = Counter(one["client"] for one in found)
    return [one for one in found if had[one["client"]] == turns]


def _one_turn(
    sink: Sink, directory: Path, delay: int, requests: int
) -> Iterator[tuple[str, dict[str, float]]]:
    """h2load, and our transport in both forms."""
    apns = Scenario("apns", CONNECTIONS, requests, delay)
    yield "h2load", asdict(run_h2load(apns, sink, directory))
    yield "transport, APNs", asdict(run_ours(apns, sink))
    fcm = Scenario("fcm", CONNECTIONS, requests, delay, fcm=True)
    yield "transport, FCM", asdict(run_ours(fcm, sink))


def _told(peer: Peer, sink: Sink, count: int) -> dict[str, Any]:
    peer.send(WARMING)
    before = sink.count()
    told = peer.send(count)
    return {
        "rate": count / told["seconds"],
        "cpu": told["cpu"] / count * 10_000,
        "peak_mb": told["peak_mb"],
        "lost": count - int(told["accepted"]),
        "twice": max(0, sink.count() - before - count),
    }


def _print(found: list[dict]) -> None:
    kinds = dict.fromkeys((one["client"], one["delay"]) for one in found)
    print(f"{'':34}{'delay':>8}{'per second':>12}{'CPU s/10k':>12}{'h2load CPU':>12}")
    limits = {(one["round"], one["delay"]): one for one in found if one["client"] == "h2load"}
    for name, delay in kinds:
        some = [one for one in found if (one["client"], one["delay"]) == (name, delay)]
        rate = statistics.median(one["rate"] for one in some)
        cpu = statistics.median(one["cpu"] for one in some)
        ratio = statistics.median(one["cpu"] / limits[one["round"], delay]["cpu"] for one in some)
        lost, twice = (sum(one.get(what, 0) for one in some) for what in ("lost", "twice"))
        faults = f"  lost {lost}, twice {twice}" if lost or twice else ""
        print(f"{name:34}{delay:>5} ms{rate:>12,.0f}{cpu:>12.4f}{ratio:>11.2f}x{faults}")


def main() -> int:
    """Print a table, or with --json one document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delay", default="0", help="milliseconds, one after the other: 0,20,50")
    parser.add_argument("--count", type=int, default=5_000, help="pushes of a client in a round")
    parser.add_argument("--requests", type=int, default=100_000, help="of h2load and of ours")
    parser.add_argument("--only", choices=[*PYTHON, *NODE])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    delays = [int(one) for one in given.delay.split(",")]
    found = measure(delays, given.rounds, given.count, given.requests, given.only)
    if given.json:
        print(json.dumps(found))
    else:
        _print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())

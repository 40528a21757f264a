"""Work for a long time, and see that no process grows: memory, sockets, open files.

Broadcasts and single pushes go one after another to simulated devices through an installation like
that of `push-pipeline up`, while each of its processes is looked at. What a process has in the
last quarter of the time is compared with what it had in the second one, when all was warm; it
fails where that is more than a tolerance, or where anybody was lost. Run it as
`python -m tests.bench.soak [--minutes N] [--devices N] [--every SECONDS] [--json]`.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import psutil
from sqlalchemy import select

from push_pipeline import api, db, publish
from push_pipeline.cli.demonstration import CHANNEL, register_simulated
from push_pipeline.models import DEVICE
from push_pipeline.supervisor.child import Tell
from push_pipeline.supervisor.installation import Installation, Plan
from push_pipeline.supervisor.state_folder import StateFolder

#: What a process may have more at the end: a share of what it had, and so much besides.
TOLERANCE = {"memory": (0.10, 8 * 2**20), "sockets": (0.10, 4), "files": (0.10, 8)}

#: Single pushes for each broadcast, and seconds between two of them.
SINGLES, PAUSE_SECONDS = 20, 0.1

#: Seconds until the last push must be settled.
PATIENCE_SECONDS = 120.0

#: Looks at a process with which nothing can be said of its growth.
TOO_FEW = 8


class Look(NamedTuple):
    """What a process has at one time: bytes that are its own, sockets, and open files in all."""

    memory: float
    sockets: float
    files: float


@dataclass(frozen=True, slots=True)
class Course:
    """What a process had when it was warm and at the end, and what of it grew."""

    process: str
    looks: int
    warm: Look
    end: Look
    grew: list[str]


def judge(process: str, looks: Sequence[Look]) -> Course:
    """Compare the middle of the last quarter of looks with that of the second quarter."""
    quarter = max(1, len(looks) // 4)
    warm, end = _middle(looks[quarter : 2 * quarter] or looks), _middle(looks[-quarter:])
    grew = [
        name
        for name, (share, more) in TOLERANCE.items()
        if getattr(end, name) > getattr(warm, name) * (1 + share) + more
    ]
    return Course(process, len(looks), warm, end, grew if len(looks) >= TOO_FEW else [])


def _middle(looks: Sequence[Look]) -> Look:
    return Look(*(statistics.median(values) for values in zip(*looks, strict=True)))


class Sampler:
    """Looks at all processes below this one every few seconds, and at this one."""

    def __init__(self, every: float) -> None:
        self.looks: dict[str, list[Look]] = defaultdict(list)
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        this = psutil.Process()
        while not self._over.wait(self._every):
            for process in [this, *this.children(recursive=True)]:
                # A process may end between two questions; a thread of it is no process.
                with suppress(psutil.Error, OSError):
                    name = "publisher" if process is this else _name(process.pid)
                    self.looks[f"{name} {process.pid}"].append(_look(process))


def _name(pid: int) -> str:
    """Name a process by the log that it writes, as its children do; only the warden has none."""
    log = Path(f"/proc/{pid}/fd/1").readlink()
    return log.stem if log.suffix == ".log" else "warden"


def _look(process: psutil.Process) -> Look:
    kinds = []
    for entry in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(OSError):
            kinds.append(str(entry.readlink()))
    sockets = sum(kind.startswith("socket:") for kind in kinds)
    return Look(process.memory_full_info().uss, sockets, len(kinds))


def work(minutes: float, installation: Installation, tell: Tell) -> Iterator[str]:
    """Publish a broadcast and some single pushes again and again; yield the ids of all.

    The simulated providers forget between two rounds whom they reached, or their memory grew.
    """
    ends = time.monotonic() + 60 * minutes
    pause = threading.Event()
    with db.reading() as connection:
        devices = list(connection.scalars(select(DEVICE.device_id).limit(SINGLES)))
    rounds = 0
    while time.monotonic() < ends:
        broadcast = publish(CHANNEL, "To all").message_id
        yield broadcast
        for device in devices:
            yield publish(CHANNEL, "To one", None, {"push_singlecast": [device]}).message_id
            pause.wait(PAUSE_SECONDS)
        _finish(broadcast)
        if installation.providers is not None:
            installation.providers.ask("POST", "/reset")
        rounds += 1
    tell(f"{rounds} broadcasts and {rounds * len(devices):,} single pushes")


def _finish(message_id: str) -> str | None:
    """Wait for the end of a message; say what is wrong with it, if anything is."""
    ends = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while (run := api.status(message_id)["runs"][0])["state"] != "finished":
        if time.monotonic() > ends:
            return f"{message_id} does not end: {run}"
        pause.wait(0.1)
    return None if run["accepted"] == run["audience"] else f"{message_id} lost some: {run}"


def soak(minutes: float, devices: int, every: float, tell: Tell) -> tuple[list[Course], list[str]]:
    """Work for some minutes; return the course of each process, and who was lost."""
    with tempfile.TemporaryDirectory() as directory:
        folder = StateFolder(Path(directory))
        with Installation(folder, Plan(isolated=True, port=0, children=2), tell) as installation:
            assert installation.providers is not None
            register_simulated(devices, 1, {}, tell, browsers_at=installation.providers.webpush_url)
            installation.wait_until_ready()
            with Sampler(every) as sampler:
                published = list(work(minutes, installation, tell))
            wrong = [told for one in published if (told := _finish(one))]
    courses = [judge(name, looks) for name, looks in sorted(sampler.looks.items())]
    return courses, wrong


def show(courses: Sequence[Course]) -> None:
    """Print a table by process: own memory in MB, sockets, open files, warm and at the end."""
    print(f"{'process':24} {'looks':>5} {'MB':>14} {'sockets':>11} {'files':>11}")
    for one in courses:
        (mb, sockets, files), (mb_end, sockets_end, files_end) = one.warm, one.end
        print(
            f"{one.process:24} {one.looks:5} {mb / 2**20:6.1f} {mb_end / 2**20:7.1f}"
            f" {sockets:5.0f} {sockets_end:5.0f} {files:5.0f} {files_end:5.0f}"
            f" {'  GREW: ' + ', '.join(one.grew) if one.grew else ''}"
        )


def main() -> int:
    """Print the table, or with --json one document; 1 where something grew or was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak")
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--devices", type=int, default=1_000)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two looks")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tell = (lambda _: None) if options.json else (lambda line: print(line, flush=True))
    courses, wrong = soak(options.minutes, options.devices, options.every, tell)
    if options.json:
        print(json.dumps({"processes": [asdict(one) for one in courses], "wrong": wrong}, indent=2))
    else:
        show(courses)
        print("\n".join(wrong) or "everybody was reached, each ledger balanced")
    return 1 if wrong or any(one.grew for one in courses) else 0


if __name__ == "__main__":
    sys.exit(main())

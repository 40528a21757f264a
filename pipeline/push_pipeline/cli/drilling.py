"""Perform a drill: an installation of its own, one push, one thing broken in the middle of it."""

import os
import threading
import time
from collections.abc import Callable, Iterator

from push_pipeline import api, publish
from push_pipeline.cli.adopted import FOLDER
from push_pipeline.cli.demonstration import CHANNEL, register_simulated, wipe
from push_pipeline.cli.drills import DRILLS, Drill, facts_of, find_drill
from push_pipeline.cli.output import note, print_json, say
from push_pipeline.cli.reckoning import Line, Received, reckon
from push_pipeline.errors import SetupError
from push_pipeline.ledger.views import PARTS, RunLedger
from push_pipeline.supervisor.installation import Installation, Plan
from push_pipeline.supervisor.state_folder import StateFolder
from push_pipeline.supervisor.stop import Stopped, stoppable

#: Settings of drills: leases and waits are short, so that one ends within a minute.
QUICK = {
    "PIPELINE_LEASE_SECONDS": "6",
    "PIPELINE_SEND_TIMEOUT_SECONDS": "3",
    "PIPELINE_TICK_SECONDS": "0.5",
    "PIPELINE_VISIBILITY_TIMEOUT_SECONDS": "10",
    "PIPELINE_RETRY_FACTOR": "0.1",
    "PIPELINE_BATCH_SIZE": "250",
    "PIPELINE_UNKNOWN_POLICY": "at-least-once",
}

#: The share of devices that has its push when something is broken.
BROKEN_AT = 0.2

#: Seconds until all must be settled.
PATIENCE_SECONDS = 120.0

_POLL_SECONDS = 0.05


def show_drills() -> None:
    """Print each drill with what it breaks."""
    width = max(map(len, DRILLS))
    for name, drill in DRILLS.items():
        say(f"{name:{width}}  {drill.says}")


def perform(name: str, devices: int, *, as_json: bool) -> int:
    """Perform a drill in var/drill and return its exit code: 0 only if every promise holds."""
    drill = find_drill(name)
    tell = note if as_json else say
    folder = StateFolder(FOLDER / "drill")
    try:
        with folder.locked(), stoppable():
            lines, seconds, before, after = _run(folder, drill, devices, tell)
    except Stopped:
        return 130
    ok = all(line.ok for line in lines)
    if as_json:
        promises = [{"ok": line.ok, "says": line.says} for line in lines]
        told = {"drill": name, "ok": ok, "seconds": round(seconds, 1), "promises": promises}
        print_json({**told, "before": facts_of(before), "after": facts_of(after)})
    return 0 if ok else 1


def _run(
    folder: StateFolder, drill: Drill, devices: int, tell: Callable[[str], None]
) -> tuple[list[Line], float, RunLedger, RunLedger]:
    wipe(folder)
    os.environ.update(QUICK)
    tell("starting database, broker, simulated APNs and FCM, three workers and beat …")
    with Installation(folder, Plan(isolated=True), tell) as installation:
        if installation.providers is None:
            raise SetupError("a drill meets simulated providers only, and there are none")
        registered = register_simulated(devices, 1, {}, tell).imported
        installation.wait_until_ready()
        if drill.before:
            drill.harm(installation)
        began = time.monotonic()
        watch = _Watch(publish(CHANNEL, "A drill").message_id)
        before = watch.follow(lambda run: run["accepted"] >= BROKEN_AT * devices)
        tell(f"{before['accepted']:,} of {devices:,} accepted; now: {drill.says}")
        if not drill.before:
            drill.harm(installation)
        after = watch.follow(lambda run: run["state"] == "finished")
        seconds = time.monotonic() - began
        counts = installation.providers.ask("GET", "/received").values()
        lines = list(_judge(watch, after, registered, Received(len(counts), sum(counts))))
    tell(f"settled {seconds:.1f} s after it was published")
    for line in lines:
        tell(f"{'ok ' if line.ok else 'BAD'}  {line.says}")
    return lines, seconds, before, after


class _Watch:
    """Looks at a message's ledger again and again, and whether it balances each time."""

    def __init__(self, message_id: str) -> None:
        self.message_id = message_id
        self._ends = time.monotonic() + PATIENCE_SECONDS
        self.looks = self.unbalanced = 0

    def follow(self, until: Callable[[RunLedger], bool]) -> RunLedger:
        """Return the run as it is when it is as wanted, has ended, or nobody waits any longer."""
        pause = threading.Event()
        while True:
            run = self._look()
            if until(run) or run["state"] == "finished" or time.monotonic() > self._ends:
                return run
            pause.wait(_POLL_SECONDS)

    def _look(self) -> RunLedger:
        run = api.status(self.message_id)["runs"][0]
        self.looks += 1
        counts = facts_of(run)
        self.unbalanced += counts["audience"] != sum(counts[part] for part in PARTS)
        return run


def _judge(watch: _Watch, after: RunLedger, registered: int, received: Received) -> Iterator[Line]:
    yield Line(
        not watch.unbalanced,
        f"the ledger balanced at {watch.looks - watch.unbalanced} of {watch.looks} looks",
    )
    ledger = api.status(watch.message_id)
    yield from reckon(ledger, registered, received)
    lost = after["rejected"] + after["expired"] + after["unknown"]
    yield Line(
        not lost, f"nobody was lost: {after['accepted']:,} accepted, {lost:,} ended otherwise"
    )

"""What `demo` does: an installation of its own, simulated devices, one message, a reckoning."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping

from push_pipeline import api, publish
from push_pipeline.cli import live
from push_pipeline.cli.adopted import FOLDER
from push_pipeline.cli.device_import import Totals, Wanted, import_devices
from push_pipeline.cli.output import say
from push_pipeline.cli.reckoning import Received, reckon
from push_pipeline.errors import SetupError
from push_pipeline.ledger.views import Ledger
from push_pipeline.supervisor import commands
from push_pipeline.supervisor.installation import DEFAULT_APP_ID, Installation, Plan
from push_pipeline.supervisor.simulated_providers import SimulatedProviders
from push_pipeline.supervisor.state_folder import StateFolder
from push_pipeline.supervisor.stop import Stopped, stoppable

CHANNEL = "default"

#: What is wrong with how many of the simulated devices.
TROUBLES = {"dead": 0.02, "malformed": 0.01, "throttled": 0.001, "failing": 0.02}

#: Browsers among the devices.
WEB_SHARE = 0.1

#: Settings of the demo alone: with the usual waits of 10 s and more, doubled every time, the
#: last retry would come after an hour.
HASTE = {
    "PIPELINE_RETRY_FACTOR": "0.03",
    "PIPELINE_MAX_ATTEMPTS": "4",
    "PIPELINE_TICK_SECONDS": "0.5",
}

#: Devices with these prefixes are refused once and then reached, so that a retry is seen to work.
RECOVER = [
    {"match": {"prefix": prefix, "nth": [2, 3, 4]}, "action": {}} for prefix in ("0429", "0503")
]


def demonstrate(devices: int, seed: int) -> int:
    """Run the demo in var/demo and return its exit code: 0 only if everything adds up."""
    started = time.monotonic()
    folder = StateFolder(FOLDER / "demo")
    try:
        with folder.locked(), stoppable():
            ok = _run(folder, devices, seed)
    except Stopped:
        return 130
    say(f"all stopped after {time.monotonic() - started:.1f} s")
    return 0 if ok else 1


def _run(folder: StateFolder, devices: int, seed: int) -> bool:
    wipe(folder)
    os.environ.update(HASTE)
    say("starting database, broker, simulated APNs, FCM and Web Push, workers and beat …")
    with Installation(folder, Plan(isolated=True), say) as installation:
        providers = installation.providers
        if providers is None:
            raise SetupError("the demo has no simulated providers")
        providers.ask("PUT", "/rules", RECOVER)
        totals = register_simulated(devices, seed, TROUBLES, say, browsers_at=providers.webpush_url)
        say("  " + ", ".join(f"{share:.1%} {name}" for name, share in TROUBLES.items()))
        installation.wait_until_ready()
        ledger = _publish()
        ok = _check(ledger, totals, providers)
    say(f"app {DEFAULT_APP_ID}, API key {folder.secret('api.key')}; for its HTTP API")
    say(f"  push-pipeline up --state {folder.path}")
    return ok


def wipe(folder: StateFolder) -> None:
    """Begin anew, but keep the lock that we hold."""
    for entry in folder.path.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != "up.lock":
            entry.unlink()


def register_simulated(
    devices: int,
    seed: int,
    troubles: Mapping[str, float],
    tell: Callable[[str], None],
    *,
    browsers_at: str | None = None,
    web: float = WEB_SHARE,
    app: str | None = None,
) -> Totals:
    """Register simulated devices for an app, a share of each system's with its trouble.

    Browsers are among them, so many, where a push service for them is named.

    Raises:
        SetupError: they could not be made.
    """
    mix = {"android": (1 - web) / 2, "web": web, "web-url": browsers_at} if browsers_at else {}
    options = {"count": devices, "seed": seed, **mix, **troubles}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    started = time.monotonic()
    with subprocess.Popen(commands.population(*words), stdout=subprocess.PIPE) as source:  # noqa: S603 - our own command
        if source.stdout is None:
            raise SetupError("the list of simulated devices cannot be read")
        totals = import_devices(source.stdout, Wanted(app), lambda _: None)
    if source.returncode:
        raise SetupError("the simulated devices could not be made")
    seconds = time.monotonic() - started
    of_these = "; of these" if troubles else ""
    tell(f"registered {totals.imported:,} simulated devices in {seconds:.1f} s{of_these}")
    return totals


def _publish() -> Ledger:
    say(
        "publishing; waits between retries are"
        f" {HASTE['PIPELINE_RETRY_FACTOR']} of the usual ones, so that this ends soon"
    )
    started = time.monotonic()
    receipt = publish(CHANNEL, "Hello from the demo")
    live.watch(receipt.message_id)
    say(f"sent and settled in {time.monotonic() - started:.1f} s, retries included")
    return api.status(receipt.message_id)


def _check(ledger: Ledger, totals: Totals, providers: SimulatedProviders) -> bool:
    counts = providers.ask("GET", "/received").values()
    received = Received(len(counts), sum(counts))
    lines = list(reckon(ledger, totals.imported, received))
    for line in lines:
        say(f"{'ok ' if line.ok else 'BAD'}  {line.says}")
    return all(line.ok for line in lines)

"""Perform a drill: one push, one thing broken in the middle of it, all counts compared."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack

from push_pipeline import publish
from push_pipeline.cli import activity_drill, browser_drill
from push_pipeline.cli.adopted import FOLDER
from push_pipeline.cli.course import (
    BROKEN_AT,
    Course,
    Scene,
    Watch,
    judge,
    received_by,
    tell_lines,
)
from push_pipeline.cli.demonstration import CHANNEL, register_simulated, wipe
from push_pipeline.cli.drills import DRILLS, Drill, Stage, facts_of, find_drill
from push_pipeline.cli.output import note, print_json, say
from push_pipeline.cli.staging import drill_app
from push_pipeline.errors import NotForDrills, SetupError
from push_pipeline.settings import get_settings
from push_pipeline.supervisor import redis_server
from push_pipeline.supervisor.installation import DEFAULT_APP_ID, Installation, Plan
from push_pipeline.supervisor.postgres_server import PostgresServer
from push_pipeline.supervisor.simulated_providers import SimulatedProviders
from push_pipeline.supervisor.state_folder import StateFolder
from push_pipeline.supervisor.stepped_clock import SteppedClock
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

#: Seconds until all must be settled.
PATIENCE_SECONDS = 120.0

#: On staging, where leases are what the installation has them, so many more may have to run out.
LEASES = 3


def show_drills(*, staging: bool = False) -> None:
    """Print each drill with what it breaks, or those alone that are for a staging system."""
    shown = {name: drill for name, drill in DRILLS.items() if drill.anywhere or not staging}
    width = max(map(len, shown))
    for name, drill in shown.items():
        say(f"{name:{width}}  {drill.says}")


def perform(name: str, devices: int, *, as_json: bool, staging: bool = False) -> int:
    """Perform a drill and return its exit code: 0 only if every promise holds.

    In var/drill with everything of its own, or on the staging system that the settings name.
    """
    drill = find_drill(name, staging=staging)
    tell = note if as_json else say
    folder = StateFolder(FOLDER / ("drill-staging" if staging else "drill"))
    run = _run_on_staging if staging else _run_alone
    try:
        with folder.locked(), stoppable():
            course = run(folder, drill, devices, tell)
    except Stopped:
        return 130
    ok = all(line.ok for line in course.lines)
    if as_json:
        promises = [{"ok": line.ok, "says": line.says} for line in course.lines]
        told = {"drill": name, "ok": ok, "seconds": round(course.seconds, 1), "promises": promises}
        print_json({**told, "before": facts_of(course.before), "after": facts_of(course.after)})
    return 0 if ok else 1


def _run_alone(
    folder: StateFolder, drill: Drill, devices: int, tell: Callable[[str], None]
) -> Course:
    wipe(folder)
    os.environ.update(QUICK)
    with ExitStack() as running:
        server = running.enter_context(PostgresServer.prepared()) if drill.postgres else None
        tell("starting database, broker, simulated APNs, FCM and Web Push, workers and beat …")
        clock = SteppedClock(folder.path / "clock") if drill.clock else None
        plan = Plan(isolated=True, postgres=server, clock=clock)
        installation = running.enter_context(Installation(folder, plan, tell))
        if installation.providers is None:
            raise SetupError("a drill meets simulated providers only, and there are none")
        registered = _register(drill, devices, installation.providers, tell)
        installation.wait_until_ready()
        socket = redis_server.socket_in(folder.path)
        stage = Stage(installation.providers, installation.kill, socket, server, clock)
        scene = Scene(stage, DEFAULT_APP_ID, registered, PATIENCE_SECONDS)
        return _PLAYS.get(drill.play, _break)(scene, drill, tell)


def _register(
    drill: Drill, devices: int, providers: SimulatedProviders, tell: Callable[[str], None]
) -> int:
    if drill.play == "browsers":
        return browser_drill.register(devices, providers, tell)
    url = providers.webpush_url
    return register_simulated(devices, 1, {}, tell, browsers_at=url).imported


def _run_on_staging(
    folder: StateFolder, drill: Drill, devices: int, tell: Callable[[str], None]
) -> Course:
    patience = PATIENCE_SECONDS + LEASES * get_settings().lease_seconds
    with drill_app(folder, int(patience), tell) as app:
        registered = register_simulated(devices, 1, {}, tell, app=app.id).imported
        stage = Stage(app.providers, _kill_nothing)
        return _break(Scene(stage, app.id, registered, patience), drill, tell)


def _kill_nothing(name: str) -> None:
    raise NotForDrills(f"{name} is not ours to kill")


def _break(scene: Scene, drill: Drill, tell: Callable[[str], None]) -> Course:
    """Publish, break what the drill breaks, wait for the end, and compare all counts."""
    if drill.before:
        drill.harm(scene.stage)
    began = time.monotonic()
    watch = Watch(publish(CHANNEL, "A drill", app=scene.app).message_id, scene.patience)
    before = watch.follow(lambda run: run["accepted"] >= BROKEN_AT * scene.registered)
    tell(f"{before['accepted']:,} of {scene.registered:,} accepted; now: {drill.says}")
    if not drill.before:
        drill.harm(scene.stage)
    after = watch.follow(lambda run: run["state"] == "finished")
    seconds = time.monotonic() - began
    lines = list(judge(watch, after, scene.registered, received_by(scene.stage)))
    tell(f"settled {seconds:.1f} s after it was published")
    tell_lines(lines, tell)
    return Course(lines, seconds, before, after)


#: The drills that are another course than one push.
_PLAYS = {"activities": activity_drill.play, "browsers": browser_drill.play}

"""The drill of Live Activities: states are sent while workers die and providers are away."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from push_pipeline import db, show_activity, start_activity, update_activity
from push_pipeline.cli.course import BROKEN_AT, Course, Scene, Watch, balanced, tell_lines
from push_pipeline.cli.demonstration import CHANNEL
from push_pipeline.cli.drills import Drill, Stage, answering
from push_pipeline.cli.reckoning import Line
from push_pipeline.clock import now_ms
from push_pipeline.devices.activity_addresses import Reported, put_address
from push_pipeline.devices.inventory import PAGE_MAX, list_devices
from push_pipeline.ledger.activities import find_activity
from push_pipeline.ledger.views import RunLedger

_ACTIVITY: Final = "drill"

#: Every so many-th update token is dead.
_DEAD_EVERY: Final = 50

#: Seconds that the providers take for an answer: a state is being sent when its workers die.
_DELAY: Final = (0.2, 0.4)

Tell = Callable[[str], None]


def play(scene: Scene, drill: Drill, tell: Tell) -> Course:
    """Start an activity, send three states of it, and compare what screens show with the last."""
    providers = scene.stage.providers
    start = start_activity(
        _ACTIVITY,
        "DrillAttributes",
        {},
        {"n": 0},
        alert="A drill",
        channel=CHANNEL,
        app=scene.app,
    )
    Watch(start.message_id, scene.patience).follow(_is_over)
    phones = _report(scene)
    dead = sum(map(_is_dead, phones))
    providers.ask("POST", "/devices", [{"token": one, "kind": "activity"} for one in phones])
    living = show_activity(_ACTIVITY, app=scene.app)["addresses"] - dead
    copies = _copies(scene.stage)
    tell(f"started; {living:,} devices show it, and the tokens of {dead:,} iPhones are dead")

    began = time.monotonic()
    providers.ask("PATCH", "/behaviour", {"delay_seconds": _DELAY})
    watches = [_say(scene, 1, alert="One")]
    before = watches[0].follow(lambda run: run["accepted"] >= BROKEN_AT * living)
    tell(f"the first state: {before['accepted']:,} of {living:,} accepted; now: SIGKILL")
    drill.harm(scene.stage)
    watches.append(_say(scene, 2, alert="Two"))
    watches[1].follow(lambda run: run["accepted"] >= BROKEN_AT * living)
    tell("the second state is under way; now all providers answer 503")
    providers.ask("PATCH", "/behaviour", {"delay_seconds": None})
    answering(status=503, reason="ServiceUnavailable")(scene.stage)
    watches.append(_say(scene, 3))
    runs = [one.follow(_is_over) for one in watches]
    seconds = time.monotonic() - began

    lines = [*map(balanced, watches), *judge_states(runs, living, dead)]
    lines += _judge_devices(scene, phones, living, dead)
    lines.append(judge_copies(runs, _copies(scene.stage) - copies))
    tell(f"settled {seconds:.1f} s after the first of three states was published")
    tell_lines(lines, tell)
    return Course(lines, seconds, before, runs[-1])


def _say(scene: Scene, state: int, alert: str | None = None) -> Watch:
    receipt = update_activity(_ACTIVITY, {"n": state}, alert=alert, app=scene.app)
    return Watch(receipt.message_id, scene.patience)


def _report(scene: Scene) -> list[str]:
    """Report an update token for each iPhone, as its app would, and return the tokens."""
    phones = [one["deviceId"] for one in _devices(scene.app) if one["os"] == "IOS"]
    tokens = [f"{'dead' if n % _DEAD_EVERY == 0 else 'ac00'}{n:0124x}" for n in range(len(phones))]
    with db.writing() as connection:
        key = find_activity(connection, scene.app, _ACTIVITY).id
        for device_id, token in zip(phones, tokens, strict=True):
            reported = Reported(device_id, token, key, None, None)
            put_address(connection, scene.app, reported, now_ms())
    return tokens


def _devices(app: str) -> Iterator[Any]:
    after: int | None = 0
    while after is not None:
        page = list_devices(limit=PAGE_MAX, after=after, app=app)
        yield from page["devices"]
        after = page["next"]


def judge_states(runs: Sequence[RunLedger], living: int, dead: int) -> Iterator[Line]:
    """Say of each state whether all whose token lives have it, and nobody is missing."""
    for n, run in enumerate(runs, 1):
        others = run["audience"] - run["accepted"]
        yield Line(
            run["state"] == "finished" and run["accepted"] == living and others <= dead,
            f"state {n}: nobody was lost: {run['accepted']:,} of {living:,} accepted,"
            f" {others:,} others, whose tokens are dead",
        )


def _judge_devices(scene: Scene, phones: list[str], living: int, dead: int) -> Iterator[Line]:
    showing = Counter(_shown(scene.stage, one) for one in phones if not _is_dead(one))
    yield Line(
        set(showing) == {3},
        f"the newest state wins: {showing[3]:,} of {showing.total():,} iPhones show it",
    )
    known = show_activity(_ACTIVITY, app=scene.app)
    states = Counter(one["state"] for one in _devices(scene.app))
    yield Line(
        (known["addresses"], known["addressesEnded"]) == (living, dead),
        f"{known['addressesEnded']:,} of {dead:,} dead tokens ended their address,"
        f" {known['addresses']:,} of {living:,} are in use",
    )
    yield Line(
        states == {"active": scene.registered},
        f"no device was put out of service: {states['active']:,} of {scene.registered:,} active",
    )


def judge_copies(runs: Sequence[RunLedger], copies: int) -> Line:
    """Say whether the ledger counted each copy too many of so many that were received."""
    accepted, resent = (sum(run[name] for run in runs) for name in ("accepted", "resent"))
    twice = copies - accepted
    return Line(
        0 <= twice <= resent,
        f"duplicates: {twice:,} copies too many reached the providers,"
        f" the ledger counts {resent:,} resent",
    )


def _shown(stage: Stage, token: str) -> int | None:
    """Return which state an iPhone shows."""
    screens = stage.providers.ask("GET", f"/devices/{token}")["screens"].values()
    events = [json.loads(one["activity"]) for one in screens if one["activity"]]
    return events[0]["aps"]["content-state"]["n"] if events else None


def _copies(stage: Stage) -> int:
    return sum(stage.providers.ask("GET", "/received").values())


def _is_dead(token: str) -> bool:
    return token.startswith("dead")


def _is_over(run: RunLedger) -> bool:
    return run["state"] == "finished"

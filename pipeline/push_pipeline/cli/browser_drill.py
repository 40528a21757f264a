"""The drill of browsers: what is Web Push's own, and a killed worker."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from push_pipeline import publish
from push_pipeline.cli.course import BROKEN_AT, Course, Scene, Watch, balanced, judge, tell_lines
from push_pipeline.cli.demonstration import CHANNEL, register_simulated
from push_pipeline.cli.drills import Drill, Stage
from push_pipeline.cli.reckoning import Line, Received
from push_pipeline.devices.inventory import PAGE_MAX, list_devices
from push_pipeline.ledger.views import RunLedger
from push_pipeline.supervisor.simulated_providers import SimulatedProviders

#: Seconds that the slow push service takes for an answer, and the other one while workers die.
_SLOW: Final = 1.0
_DELAY: Final = (0.1, 0.2)

#: How the path of a subscription begins that is slow to be answered.
_SLOW_PREFIX: Final = "51de"

Tell = Callable[[str], None]


class _Share(NamedTuple):
    """Browsers with a trouble of the simulator's, so many of a hundred; what becomes of them."""

    trouble: str
    percent: int
    state: str = "active"


#: 410, 404, another key; and those at the slow push service.
_SHARES: Final = (
    _Share("dead", 2, "retired"),
    _Share("malformed", 2, "retired"),
    _Share("foreign", 2, "quarantined"),
    _Share("slow", 10),
)


def register(devices: int, providers: SimulatedProviders, tell: Tell) -> int:
    """Register browsers, first those without a trouble; the slow ones are at another service."""
    counts = {one: devices * one.percent // 100 for one in _SHARES}
    well = devices - sum(counts.values())
    url, other = providers.webpush_url, providers.other_webpush_url
    total = register_simulated(well, 1, {}, tell, browsers_at=url, web=1.0).imported
    for seed, (share, count) in enumerate(counts.items(), 2):
        where = other if share.trouble == "slow" else url
        made = register_simulated(
            count, seed, {share.trouble: 1.0}, lambda _: None, browsers_at=where, web=1.0
        )
        total += made.imported
    tell("  " + ", ".join(f"{one.percent}% {one.trouble}" for one in _SHARES))
    return total


def play(scene: Scene, drill: Drill, tell: Tell) -> Course:
    """Push to all, see what each answer led to; push again, and kill the workers meanwhile."""
    providers = scene.stage.providers
    providers.ask("PATCH", "/behaviour", {"slow_seconds": _SLOW})
    _prove_the_key(scene)
    before = _received(scene.stage)
    began, since = time.monotonic(), time.time()
    first = Watch(publish(CHANNEL, "A drill", app=scene.app).message_id, scene.patience)
    troubled = first.follow(_is_over)
    lines = [balanced(first), *_judge_answers(scene, troubled), _judge_slow(scene.stage, since)]

    left = troubled["accepted"]
    providers.ask("PATCH", "/behaviour", {"delay_seconds": _DELAY})
    second = Watch(publish(CHANNEL, "Another", app=scene.app).message_id, scene.patience)
    at_kill = second.follow(lambda run: run["accepted"] >= BROKEN_AT * left)
    tell(f"the second push: {at_kill['accepted']:,} of {left:,} accepted; now: SIGKILL")
    drill.harm(scene.stage)
    after = second.follow(_is_over)
    seconds = time.monotonic() - began
    copies = _received(scene.stage) - before
    received = Received(len(copies), copies.total() - troubled["accepted"])
    lines += judge(second, after, left, received)
    tell(f"both settled {seconds:.1f} s after the first was published")
    tell_lines(lines, tell)
    return Course(lines, seconds, at_kill, after)


def _prove_the_key(scene: Scene) -> None:
    """Push to one browser: while nothing was taken with a key, nobody is put out of service."""
    [one] = list_devices(limit=1, app=scene.app)["devices"]
    receipt = publish(
        CHANNEL, "The first", None, {"push_singlecast": [one["deviceId"]]}, app=scene.app
    )
    Watch(receipt.message_id, scene.patience).follow(_is_over)


def _judge_answers(scene: Scene, run: RunLedger) -> Iterator[Line]:
    wanted = {
        state: sum(_count(scene, one) for one in _SHARES if one.state == state)
        for state in ("retired", "quarantined")
    }
    states = _states(scene.app)
    out = sum(wanted.values())
    yield Line(
        run["accepted"] == scene.registered - out and run["rejected"] == out,
        f"everybody else has the push: {run['accepted']:,} of {scene.registered - out:,}",
    )
    for state, why in (("retired", "404 and 410"), ("quarantined", "another key (VAPID)")):
        yield Line(
            states[state] == wanted[state],
            f"{why}: {states[state]:,} of {wanted[state]:,} are {state}, and nobody else",
        )


def _judge_slow(stage: Stage, since: float) -> Line:
    """Compare when the two push services had answered the last of a push (epoch seconds)."""
    log = [one for one in stage.providers.ask("GET", "/log") if one["arrived"] >= since]
    ends = {
        slow: max(one["answered"] or 0 for one in log if _is_slow(one["token"]) is slow) - since
        for slow in (False, True)
    }
    return Line(
        ends[False] < ends[True],
        f"a slow push service delays no other: all but its own browsers had it after"
        f" {ends[False]:.1f} s, its own after {ends[True]:.1f} s",
    )


def _count(scene: Scene, share: _Share) -> int:
    return scene.registered * share.percent // 100


def _states(app: str) -> Counter[str]:
    states: Counter[str] = Counter()
    after: int | None = 0
    while after is not None:
        page = list_devices(limit=PAGE_MAX, after=after, app=app)
        states.update(one["state"] for one in page["devices"])
        after = page["next"]
    return states


def _received(stage: Stage) -> Counter[str]:
    return Counter(stage.providers.ask("GET", "/received"))


def _is_slow(token: str) -> bool:
    return token.startswith(_SLOW_PREFIX)


def _is_over(run: RunLedger) -> bool:
    return run["state"] == "finished"

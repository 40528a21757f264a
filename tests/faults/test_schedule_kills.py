"""Delayed and repeating messages fire once, in time, whatever is killed in the meantime."""

import random
import time
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from push_pipeline import db, publish, status
from push_pipeline.clock import now_ms
from push_pipeline.models import RUN, Run
from tests.audience import everything_that_ended, ios
from tests.processes import Process, wait_until
from tests.running import Stand

#: Seconds. A wake-up with an ETA must be well inside of it, or Redis hands it out twice.
VISIBILITY = 5

CHILDREN = 2

#: Each has a delay of its own between one second and LATEST_MS milliseconds. Where nothing is
#: killed half of them in half the time do, which still is longer than the visibility time-out.
MESSAGES = 300
LATEST_MS = 12_000

#: Seconds. A message whose wake-up is lost waits at least so long; the exact lateness is measured.
A_LOST_WAKE_UP = float(VISIBILITY)

#: How often the repeat of a second is due: three times as long as runs are handed out ahead.
TIMES = 6

#: What is killed, each round in another order. Redis comes back empty.
VICTIMS = ("worker", "beat", "broker")
ROUNDS = 2

#: Seconds between two kills, from and to.
PAUSE = (0.3, 1.5)

pytestmark = pytest.mark.slow

BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


class Installation:
    """Workers and a beat that are killed and started again, one at a time."""

    beat: Process

    def __init__(self, stand: Stand, workers: int) -> None:
        self.stand = stand
        self.workers = [stand.start_worker(children=CHILDREN) for _ in range(workers)]
        self.killed: Counter[str] = Counter()

    def start_beat(self) -> None:
        self.beat = self.stand.start_beat()

    def kill(self, victim: str, rng: random.Random) -> None:
        """SIGKILL a worker with its children, the beat or Redis, and start it again."""
        self.killed[victim] += 1
        if victim == "worker":
            self.workers.pop(rng.randrange(len(self.workers))).kill()
            # Nobody waits until it is ready: on a busy machine all would be sent by then.
            self.workers.append(self.stand.start_worker(children=CHILDREN, wait=False))
        elif victim == "beat":
            self.beat.kill()
            self.beat = self.stand.start_beat()
        else:
            self.stand.broker.kill()
            self.stand.broker.start()

    def is_done(self) -> bool:
        """Tell whether every run is over; a worker that gave up meanwhile is started again.

        That is a supervisor's part: a worker that holds tasks with an ETA may end by itself
        when Redis goes away.
        """
        for worker in [one for one in self.workers if not one.alive]:
            self.workers.remove(worker)
            self.workers.append(self.stand.start_worker(children=CHILDREN))
        return open_runs() == 0


def publish_delayed(stand: Stand, count: int, latest_ms: int, rng: random.Random) -> list[str]:
    """Publish one message to each of `count` devices, each with its own delay."""
    tokens = ios(count)
    for device_id in stand.installation.register(tokens):
        at = now_ms() + rng.randint(1_000, latest_ms)
        publish("news", "It is time", None, {"publish_at": at, "push_singlecast": [device_id]})
    return tokens


def let_pass(seconds: float) -> None:
    ends = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= ends, seconds + 5)


def open_runs() -> int:
    with db.reading() as connection:
        statement = select(func.count()).select_from(Run).where(RUN.finished_at.is_(None))
        return connection.execute(statement).scalar_one()


def lateness() -> list[float]:
    """Return by how many seconds each delivery was answered after its time, the latest last."""
    with db.reading() as connection:
        due = dict(connection.execute(select(RUN.id, RUN.due_at)).all())
    ended = everything_that_ended()
    return sorted((one.settled_at - due[one.run_id]) / 1000 for one in ended)


def outcomes() -> Counter[str]:
    return Counter(one.outcome for one in everything_that_ended())


def percentile(sorted_values: list[float], part: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * part))]


def described(name: str, late: list[float]) -> str:
    figures = {f"p{part * 100:g}": percentile(late, part) for part in (0.5, 0.9, 0.99)}
    said = ", ".join(f"{key} {value:.3f} s" for key, value in figures.items())
    return f"{name}: {len(late)} runs, lateness {said}, at most {late[-1]:.3f} s"


@pytest.mark.timeout(300)
@BOTH
def test_delayed_messages_fire_once_while_everything_is_killed_at_random(
    kind: str,
    request: pytest.FixtureRequest,
    open_stand: Callable[..., Stand],
    measured: Callable[[str], None],
) -> None:
    rng = random.Random(20_261_123)
    stand = open_stand(
        request.getfixturevalue(f"{kind}_url"),
        visibility_timeout_seconds=VISIBILITY,
        unknown_policy="at-most-once",
    )
    running = Installation(stand, workers=2)
    running.start_beat()
    tokens = publish_delayed(stand, MESSAGES, LATEST_MS, rng)

    for victim in [one for _ in range(ROUNDS) for one in rng.sample(VICTIMS, len(VICTIMS))]:
        let_pass(rng.uniform(*PAUSE))
        if not running.is_done():
            running.kill(victim, rng)
    wait_until(running.is_done, 200, "the end of every run")

    received, counts, late = stand.simulator.received(), outcomes(), lateness()
    measured(described(f"{kind}, with {dict(running.killed)} killed", late))
    assert counts["accepted"] + counts["unknown"] == len(tokens)
    assert counts["unknown"] <= CHILDREN * running.killed["worker"]
    assert set(received.values()) == {1}
    assert len(tokens) - len(received) <= counts["unknown"]
    assert late[0] >= -0.05
    assert set(running.killed) == set(VICTIMS)


@pytest.fixture
def idle(
    kind: str, request: pytest.FixtureRequest, open_stand: Callable[..., Stand]
) -> Installation:
    """Workers without a beat: they do nothing while another test is alone."""
    stand = open_stand(
        request.getfixturevalue(f"{kind}_url"), visibility_timeout_seconds=VISIBILITY
    )
    return Installation(stand, workers=2)


@pytest.mark.alone
@pytest.mark.timeout(240)
@BOTH
def test_with_nothing_killed_each_fires_in_time_and_a_repeat_as_often_as_it_is_due(
    idle: Installation, kind: str, measured: Callable[[str], None]
) -> None:
    stand = idle.stand
    idle.start_beat()
    tokens = publish_delayed(stand, MESSAGES // 2, LATEST_MS // 2, random.Random(7))
    let_pass(LATEST_MS / 2_000)
    wait_until(lambda: open_runs() == 0, 60, "the end of every run")
    late = lateness()

    stand.start_beat()
    clock = ios(3, "2")
    stand.subscribe(clock, channel="clock")
    start = now_ms() + 2_000
    until = start + TIMES * 1_000 - 500
    repeat = {"publish_at": start, "repeat_every": 1, "repeat_expires_at": until}
    message_id = publish("clock", "It struck", None, repeat).message_id
    let_pass(TIMES)
    wait_until(lambda: status(message_id)["status"] == "published", 40, "the end of the repeat")

    measured(described(f"{kind}, with nothing killed", late))
    assert idle.killed == Counter()
    assert late[-1] < A_LOST_WAKE_UP
    assert late[0] >= -0.05
    assert fired_of(message_id) == [
        (n + 1, start + n * 1_000, "finished") for n in range(TIMES)
    ]  # as often with two beats as with one
    once, often = dict.fromkeys(tokens, 1), dict.fromkeys(clock, TIMES)
    assert stand.simulator.received() == once | often


def fired_of(message_id: str) -> list[tuple[int, int, str]]:
    statement = (
        select(RUN.n, RUN.due_at, RUN.state).where(RUN.message_id == message_id).order_by(RUN.n)
    )
    with db.reading() as connection:
        return [tuple(row) for row in connection.execute(statement)]

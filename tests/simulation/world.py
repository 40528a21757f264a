"""One process that is all there is: database, broker, providers, workers, beat, and the clock."""

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from push_pipeline import clock, db, host, migrations, queues
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.provider_routes import put_credential
from push_pipeline.ledger.due_batches import release_lost
from push_pipeline.ledger.values import Standing
from push_pipeline.outcome import Outcome
from push_pipeline.queues import Wake
from push_pipeline.settings import get_settings
from push_workers import tick
from push_workers.delivery.deliver import deliver
from push_workers.delivery.process import Context
from push_workers.fanout import fan_out
from push_workers.senders.base import OnPause, Rendered, Sender, Target
from push_workers.senders.verdicts import Verdicts
from push_workers.testing import NoBudgets
from tests.simulation import promises
from tests.simulation.answers import ANSWERS, EXPIRED
from tests.simulation.jobs import Job
from tests.simulation.picture import NOTHING, Row, take_picture
from tests.simulation.truth import Refusal, Truth

#: Epoch milliseconds at which every world begins.
BEGINNING = 1_800_000_000_000

APP = "APP-1"

#: Small, so that a few devices are many pages, batches and slices.
SETTINGS = {
    "database_url": "sqlite://",
    "broker_url": "redis://nobody.asks.it:6379/0",
    "secret_key": "a secret of the tests only",
    "app_id": APP,
    "batch_size": 5,
    "max_attempts": 3,
}

#: Worker children.
CHILDREN = 3

#: What happened in all worlds of this process, so that one sees how far they went.
SEEN: Counter[str] = Counter()


class Sending:
    """A slice that is about to go out."""

    def __init__(self, batch: Standing, targets: Sequence[Target], rendered: Rendered) -> None:
        self.batch, self.targets, self.rendered = batch, targets, rendered

    @property
    def claim(self) -> int:
        return self.batch.claims + 1


class World:
    """Stands in for everything outside of our code, by the seams that it has.

    It is the host that lends us its database, the clock, the broker and the provider. `look`
    compares all rows with what they were, after every step.
    """

    def __init__(self, schema: sqlite3.Connection, policy: str, window: int) -> None:
        self.now = BEGINNING
        self.steps = 0
        self.policy = policy
        self.window = window
        self.truth = Truth()
        self.wakes: list[Wake] = []
        self.broker_away = False
        self.jobs: list[Job] = []
        self.picture = NOTHING
        self._at_work: Job | None = None
        self._engine = db.make_engine("sqlite://")
        self._database: Any = self._engine.raw_connection().driver_connection
        schema.backup(self._database)
        self._contexts: list[_Child] = []

    def __enter__(self) -> "World":
        host.join(self)
        self._contexts = [_Child(self) for _ in range(CHILDREN)]
        clock.go_by(self)
        queues.hand_wakes_to(self._take_wakes, self._count_wakes)
        return self

    def __exit__(self, *_: object) -> None:
        for job in self.jobs:
            job.kill()
        queues.hand_wakes_to(None)
        clock.go_by(None)
        host.join(None)
        SEEN["pushes"] += sum(self.truth.copies.values())
        SEEN["pushes sent twice"] += sum(n > 1 for n in self.truth.copies.values())
        SEEN["devices put out of service"] += sum(
            one["state"] != "active" for one in self.picture.device.values()
        )
        self._engine.dispose()

    # the clock

    def now_ms(self) -> int:
        return self.now

    def seconds(self) -> float:
        return self.now / 1000

    def pause(self, seconds: float) -> None:
        until = self.now + round(seconds * 1000)
        self.stop("pause")
        self.now = max(self.now, until)

    # the host

    def setting_values(self) -> Mapping[str, Any]:
        return SETTINGS

    def scope(self) -> Hashable:
        return "simulation"

    def spelling(self, field: str) -> str:
        return field

    def shares_database(self) -> bool:
        return True

    def waits_for_commit(self) -> None:
        return None

    def program(self) -> str:
        return "push-pipeline"

    def after_commit(self, do: Callable[[], object]) -> None:
        do()

    @contextmanager
    def connect(self, *, reading: bool) -> Iterator[Connection]:
        self.stop("begin")
        with self._engine.connect() as connection:
            connection.execution_options(reading=reading)
            with connection.begin():
                yield connection
        if not reading:
            self.look()
            self.stop("committed")

    # the broker

    def _take_wakes(self, wakes: list[Wake]) -> None:
        self.stop("wake")
        if not self.broker_away:
            self.wakes += wakes

    def _count_wakes(self, queue: str) -> int:
        return sum(one.queue == queue and one.at is None for one in self.wakes)

    def due_wakes(self) -> list[Wake]:
        return [
            one for one in self.wakes if one.at is None or one.at.timestamp() * 1000 <= self.now
        ]

    # workers and beat

    def stop(self, kind: str, what: object = None) -> Any:
        """Stop the job that is at work; who is no job (a web process) goes on."""
        if self._at_work is None:
            return None
        told = self._at_work.stop(kind, what)
        if told == "away":
            raise OperationalError("", {}, Exception("the database went away"))
        return told

    @property
    def has_idle_child(self) -> bool:
        return len(self._idle()) > 0

    def start(self, wake: Wake) -> Job:
        """Hand a wake-up to a worker child that has nothing to do."""
        context = self._idle()[0]
        return self._begin(Job(f"{wake.task}({wake.key})", lambda: _work(wake, context), context))

    def _idle(self) -> list["_Child"]:
        busy = [job.context for job in self.jobs]
        return [one for one in self._contexts if one not in busy]

    def tick(self) -> Job:
        """Let a beat tick: the duties that promises speak of, not what is deleted after weeks."""
        return self._begin(Job("tick", self._tick))

    def _tick(self) -> None:
        now = self.now
        for duty in (tick.wake_runs, tick.wake_batches, tick.close_finished_runs):
            duty(now)

    def _begin(self, job: Job) -> Job:
        self.jobs.append(job)
        return job

    def step(self, job: Job, told: object = None) -> None:
        """Let a job take one step."""
        self._at_work = job
        try:
            job.go_on(told)
        finally:
            self._at_work = None
        self._forget_if_over(job)

    def kill(self, job: Job, reached: int = 0) -> None:
        """Kill a job; where it was sending, `reached` says to whom it had, bit by bit."""
        if job.at.kind == "send":
            sending: Sending = job.at.what
            arrived = ANSWERS["lost on the way back"], ANSWERS["lost"]
            answers = [arrived[not reached >> n & 1] for n in range(len(sending.targets))]
            self._note(sending, answers)
        SEEN["kills"] += 1
        self.truth.troubled |= self._runs_at_work()
        job.kill()
        self.jobs.remove(job)
        # What a process knew dies with it; another takes its place.
        self._contexts = [_Child(self) if one is job.context else one for one in self._contexts]

    def answer(self, job: Job, words: Sequence[str]) -> None:
        """Let the provider answer a job that is sending; the words go round."""
        sending: Sending = job.at.what
        answers = [ANSWERS[words[n % len(words)]] for n in range(len(sending.targets))]
        if sending.rendered.is_over(self.now / 1000):  # as every sender asks before it sends
            answers = [EXPIRED] * len(answers)
        self._note(sending, answers)
        self.step(job, [one.verdict for one in answers])

    def lose_database(self, job: Job) -> None:
        """Let the database go away where a job asks it, or before it hears of its commit."""
        self.truth.troubled |= self._runs_at_work()
        self.step(job, "away")

    def _runs_at_work(self) -> set[int]:
        return set(self.picture.run)

    def _note(self, sending: Sending, answers: list[Any]) -> None:
        batch = self.picture.batch[sending.batch.id]
        SEEN["slices sent"] += 1
        SEEN["slices sent while another was"] += sum(one.at.kind == "send" for one in self.jobs) > 1
        SEEN["slices sent by who was overtaken"] += batch["claims"] != sending.claim
        devices = [one.device_key for one in sending.targets]
        promises.keep_on_send(self.picture, self.truth, batch, sending.claim, devices)
        route = sending.batch.credential_id or 0
        if any(one.verdict.outcome is Outcome.ACCEPTED for one in answers):
            self.truth.trusted.add(route)
        believed = route in self.truth.trusted or not sending.batch.guarded
        taken = self.truth.taken_at[sending.batch.id, sending.claim]
        for target, answer in zip(sending.targets, answers, strict=True):
            SEEN[f"answers: {answer.verdict.reason or 'accepted'}"] += 1
            self.truth.tell(sending.batch.run_id, target.device_key, answer)
            if answer.verdict.outcome in (Outcome.GONE, Outcome.MISROUTED):
                since = answer.verdict.dead_since or taken
                refusal = Refusal(target.token, since, believed)
                self.truth.evidence[target.device_key].append(refusal)

    def taken(self) -> list[Row]:
        """Return the batches that somebody has, or had when he was killed."""
        return [
            one
            for one in self.picture.batch.values()
            if one["finished_at"] is None and (one["lease_until"] or 0) >= self.now
        ]

    def release(self, batch: Row) -> None:
        """Take a batch from who shows no sign of life, and wake somebody for it."""
        with db.writing() as connection:
            found = release_lost(connection, [(batch["id"], batch["claims"])], self.now)
        SEEN["batches released"] += len(found)
        queues.wake(
            queues.wake_for_batch(one.id, one.app_id, one.environment, bulk=one.bulk)
            for one in found
        )

    def _forget_if_over(self, job: Job) -> None:
        if job.over:
            self.jobs.remove(job)

    # what is seen

    def look(self) -> None:
        """Compare all rows with what they were, and keep every promise."""
        self.steps += 1
        before, self.picture = self.picture, take_picture(self._database)
        for key, batch in self.picture.batch.items():
            old = before.batch.get(key)
            claim = key, batch["claims"]
            if old is None or old == batch:
                continue
            if old["claims"] != batch["claims"]:
                self.truth.taken_at[claim] = self.now
                if old["doubt_end"] > old["settled"]:  # its worker is gone, or was overtaken
                    SEEN["batches taken over"] += 1
                    self.truth.troubled.add(batch["run_id"])
            if old["claims"] != batch["claims"] or old["settled"] != batch["settled"]:
                self.truth.noted[claim] = self.steps
        promises.keep_on_change(before, self.picture, self.truth, self.now)


class _Child(Context):
    """A worker child whose every route leads to the simulated provider."""

    def __init__(self, world: World) -> None:
        own = {"unknown_policy": world.policy, "doubt_window": world.window}
        super().__init__(get_settings().model_copy(update=own))
        self.rng = random.Random(1)
        self.budgets = NoBudgets()
        self._world = world

    def sender(self, batch: Standing) -> Sender:
        return _Provider(self._world, batch)


class _Provider:
    """Takes a slice and stops, so that somebody decides what it answers."""

    def __init__(self, world: World, batch: Standing) -> None:
        self._world, self._batch = world, batch

    def send(
        self,
        rendered: Rendered,
        targets: Sequence[Target],
        ids: Sequence[str],  # noqa: ARG002 - a sender's signature
        bodies: Sequence[bytes] | None = None,  # noqa: ARG002
        on_pause: OnPause | None = None,  # noqa: ARG002
    ) -> Verdicts:
        return Verdicts.of(self._world.stop("send", Sending(self._batch, targets, rendered)))

    def try_out(self) -> str | None:
        return None

    def close(self) -> None:
        return None


def _work(wake: Wake, context: Context) -> None:
    match wake.task:
        case queues.FAN_OUT:
            fan_out.fan_out(wake.key)
        case queues.START_RUN:
            fan_out.start(wake.key)
        case _:
            deliver(wake.key, context)


def schema() -> sqlite3.Connection:
    """Return a database with the schema, one app and its two credentials."""
    made = sqlite3.connect(":memory:")
    engine = db.make_engine("sqlite://")
    migrations.upgrade(engine)
    with engine.begin() as connection:
        ensure_app(connection, APP, "simulation", BEGINNING)
        for provider, environment in (("apns", "production"), ("fcm", "")):
            put_credential(connection, APP, provider, environment, b"sealed", BEGINNING)
    engine.raw_connection().driver_connection.backup(made)
    engine.dispose()
    return made

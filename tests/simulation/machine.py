"""Everything that may happen, as rules that hypothesis puts together; each is one line of code.

The rules take plain numbers and words, so that what hypothesis prints of a failure can be kept
as a test as it is. A number chooses among what there is.
"""

import sqlite3
from contextlib import suppress
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from push_pipeline import cancel, db, pause, publish, register_device, resume, unregister_device
from push_pipeline.devices.register import register_devices
from push_pipeline.devices.registration import check_registration
from push_pipeline.errors import NotCancellable, UnknownRegistration
from push_workers.fanout import fan_out
from tests.audience import android, ios
from tests.simulation.answers import ANSWERS
from tests.simulation.calm import calm_down
from tests.simulation.jobs import Job
from tests.simulation.world import APP, World, schema

DEVICES = 12
TOKENS = {"IOS": ios(DEVICES + 2), "ANDROID": android(DEVICES + 2)}

numbers = st.integers(0, 7)
answers = st.lists(st.sampled_from([*ANSWERS, *["accepted"] * 4]), min_size=1, max_size=4)
HARM = ["kill", "kill", "database", "database", "wakes", "broker"]
spans = st.sampled_from([0, 0.3, 1, 4, 31, 61, 61, 61, 400])
stops = st.sampled_from(["end", "end", "send", "send", "send", "committed", "begin"])
ticks = st.sampled_from(["none", "end", "end", "end", "end", "begin", "committed"])


class Pipeline(RuleBasedStateMachine):
    """One world, and what may happen in it."""

    schema: sqlite3.Connection | None = None

    def __init__(self) -> None:
        super().__init__()
        if Pipeline.schema is None:
            Pipeline.schema = schema()
        self.world: World | None = None
        self.messages: list[str] = []

    @initialize(
        policy=st.sampled_from(["once-if-collapsible", "at-least-once", "at-most-once"]),
        devices=st.integers(4, DEVICES),
        page=st.sampled_from([3, 3, 8]),
        window=st.sampled_from([1, 1, 2]),
        fanned=st.booleans(),
    )
    def begin(
        self, policy: str, devices: int, page: int = 8, window: int = 2, *, fanned: bool = True
    ) -> None:
        """Begin a world with some devices, every third one of Android, and one message to all.

        It is fanned out in pages of so many, or yet to be, and sent in slices of a window.
        """
        fan_out.FIRST_PAGE, fan_out.PAGE = max(3, page - 2), page
        self.world = World(Pipeline.schema, policy, window)
        self.world.__enter__()
        fields = [self._registration(n, n) for n in range(devices)]
        now = self.world.now
        with db.writing() as connection:
            checked = [check_registration(one, now) for one in fields]
            register_devices(connection, APP, checked, now, alive=True)
        self.publish(0, 0, None, None, None, None)
        if fanned:
            self.take(0, until="end", said=[], twice=False)

    @rule(device=st.integers(0, DEVICES - 1), token=st.integers(-2, DEVICES + 1))
    def register(self, device: int, token: int) -> None:
        """Register a device, new or anew, maybe with a token of another; below 0: remove it."""
        if token < 0:
            with suppress(UnknownRegistration):
                unregister_device(f"device-{device}")
        else:
            told = self._registration(device, token)
            register_device(told["deviceId"], told["deviceToken"], told["os"], channels=["news"])

    @rule(
        delay=st.sampled_from([0, 0, 0, 5, 60, 3_000]),
        every=st.sampled_from([0, 0, 0, 60, 900]),
        lasts=st.sampled_from([None, 90, 4_000]),
        ttl=st.sampled_from([None, None, 100, 0]),
        to=st.sampled_from([None, None, (0,), (1, 2, 3)]),
        key=st.sampled_from([None, None, "order 7"]),
    )
    def publish(
        self,
        delay: int,
        every: int,
        lasts: int | None,
        ttl: int | None,
        to: tuple[int, ...] | None,
        key: str | None,
    ) -> None:
        """Publish a message: now or later, once or again and again, to all or to some."""
        now = self.world.now
        options: dict[str, Any] = {
            "publish_at": now + delay * 1000 if delay else None,
            "repeat_every": every,
            "repeat_expires_at": now + (delay + lasts) * 1000 if every and lasts else None,
            "push_singlecast": [f"device-{n}" for n in to] if to else None,
        }
        if ttl is not None:
            options["ttl"] = ttl
        receipt = publish("news", "hello", None, options, dedupe_key=key and f"{key} {options}")
        if receipt.message_id not in self.messages:
            self.messages.append(receipt.message_id)
        self.world.look()

    @precondition(lambda self: self.messages)
    @rule(message=numbers, what=st.sampled_from(["cancel", "pause", "resume", "resume"]))
    def operate(self, message: int, what: str) -> None:
        """Cancel, pause or resume a message."""
        chosen = self.messages[message % len(self.messages)]
        with suppress(NotCancellable):
            {"cancel": cancel, "pause": pause, "resume": resume}[what](chosen)
            if what == "cancel":
                self.world.truth.cancelled[chosen] = self.world.steps
            if what == "resume":  # then an operator has looked at the credentials
                self.world.truth.trusted |= self.world.picture.credential.keys()
        self.world.look()

    @precondition(lambda self: self.world.due_wakes() and self.world.has_idle_child)
    @rule(which=numbers, until=stops, said=answers, twice=st.booleans())
    def take(self, which: int, until: str, said: list[str], twice: bool) -> None:
        """Let a worker take a wake-up that is due, which may come a second time.

        It goes on to its end, or to its next stop of a kind.
        """
        due = self.world.due_wakes()
        chosen = due[which % len(due)]
        if not twice:
            self.world.wakes.remove(chosen)
        self._go_on(self.world.start(chosen), until, said)

    @precondition(lambda self: self.world.jobs)
    @rule(which=numbers, until=stops, said=answers)
    def go_on(self, which: int, until: str, said: list[str]) -> None:
        """Let a job go on, to its end or to its next stop of a kind."""
        self._go_on(self.world.jobs[which % len(self.world.jobs)], until, said)

    @precondition(lambda self: self.world.jobs or self.world.due_wakes())
    @rule(which=numbers, until=stops, said=answers)
    def work(self, which: int, until: str, said: list[str]) -> None:
        """Let something go on, or begin where nothing does: the likeliest of all."""
        if self.world.jobs and (which % 2 or not self.world.has_idle_child):
            self.go_on(which // 2, until, said)
        elif self.world.due_wakes() and self.world.has_idle_child:
            self.take(which // 2, until, said, twice=False)

    @precondition(lambda self: self._sending() or self._may_begin())
    @rule(which=numbers, what=st.sampled_from(["cancel", "cancel", "pause"]), said=answers)
    def interrupt(self, which: int, what: str, said: list[str]) -> None:
        """Cancel or pause what is just being sent; then its worker goes on."""
        if not self._sending():
            self.take(which, "send", said, twice=False)
        sending = self._sending()
        if not sending:
            return
        job = sending[which % len(sending)]
        run = self.world.picture.run[job.at.what.batch.run_id]
        self.operate(self.messages.index(run["message_id"]), what)
        self._go_on(job, "send", said)

    @precondition(lambda self: self.world.jobs or self._may_begin())
    @rule(which=numbers, until=st.sampled_from(["committed", "committed", "end"]), said=answers)
    def overtake(self, which: int, until: str, said: list[str]) -> None:
        """Stop a job before a transaction until its lease is over, and another has its work."""
        if not self.world.jobs:
            self.take(which, "committed", said, twice=False)
        if not self.world.jobs:
            return
        slow = self.world.jobs[which % len(self.world.jobs)]
        self._go_on(slow, "begin", said)
        self.wait(61, "end")
        same = [slow.name.endswith(f"({one.key})") for one in self.world.due_wakes()]
        for number in reversed([n for n, is_same in enumerate(same) if is_same]):
            if self.world.has_idle_child:
                self.take(number, until, said, twice=False)
        if not slow.over:
            self._go_on(slow, "end", said)

    @precondition(lambda self: self.world.taken())
    @rule(which=numbers)
    def release(self, which: int) -> None:
        """End the lease of a worker child that seems to be gone: it was killed, or stands still."""
        taken = self.world.taken()
        self.world.release(taken[which % len(taken)])

    @rule(seconds=spans, tick=ticks)
    def wait(self, seconds: float, tick: str) -> None:
        """Let time pass, and beat tick: to its end or to a stop in the middle of it."""
        self.world.now += round(seconds * 1000)
        if tick != "none" and sum(job.name == "tick" for job in self.world.jobs) <= 1:
            self._go_on(self.world.tick(), tick, [])

    @precondition(lambda self: self.world.jobs or self.world.wakes or self.world.broker_away)
    @rule(which=numbers, reached=st.integers(0, 15), what=st.sampled_from(HARM))
    def harm(self, which: int, reached: int, what: str) -> None:
        """Kill a worker child, where some had got their push; or take something from it.

        Without the database a transaction fails, or the word of its commit is lost. Redis loses
        all that it had, and may take nothing more until it comes back, at the next harm to it.
        """
        world = self.world
        if what in ("wakes", "broker"):
            world.wakes.clear()
            world.broker_away = what == "broker" and not world.broker_away
        elif world.jobs:
            job = world.jobs[which % len(world.jobs)]
            if what == "kill":
                world.kill(job, reached)
            elif job.asks_the_database:
                world.lose_database(job)

    def teardown(self) -> None:
        """Let all go well for long enough: then nothing may be open."""
        if self.world is None:
            return
        try:
            calm_down(self.world, self.messages, self._run)
        finally:
            self.world.__exit__()

    @staticmethod
    def _registration(device: int, token: int) -> dict[str, Any]:
        system = "ANDROID" if device % 3 == 2 else "IOS"
        return {
            "deviceId": f"device-{device}",
            "deviceToken": TOKENS[system][token],
            "os": system,
            "channels": ["news"],
        }

    def _may_begin(self) -> bool:
        return bool(self.world.due_wakes()) and self.world.has_idle_child

    def _sending(self) -> list[Job]:
        return [job for job in self.world.jobs if job.at.kind == "send"]

    def _go_on(self, job: Job, until: str, said: list[str]) -> None:
        """Take steps until the job stops at such a point, or has ended."""
        while not job.over:
            if job.at.kind == "send":
                self.world.answer(job, said)
            else:
                self.world.step(job)
            if job.at.kind == until:
                return

    def _run(self, job: Job, said: list[str]) -> None:
        self._go_on(job, "end", said)

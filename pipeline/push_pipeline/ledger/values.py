"""What decisions about deliveries need and give: values, read and written by the modules around."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from push_pipeline.ledger.state_machine import RunState
from push_pipeline.outcome import Recent, Settled
from push_pipeline.schedule import firing_of
from push_pipeline.tracing import of_firing


@dataclass(frozen=True, slots=True)
class NewBatch:
    """Members that are to be sent to together."""

    run_id: int
    platform: str
    environment: str
    members: Sequence[int]
    bulk: bool
    not_before: int
    attempt: int = 1
    doubtful: bool = False  # an earlier attempt may have reached them
    badged: int = 0  # members whose badges an earlier attempt has changed


class DueBatch(NamedTuple):
    """A batch that waits for a worker."""

    id: int
    app_id: str
    environment: str
    bulk: bool
    message_id: str


class Standing(NamedTuple):
    """A batch as a worker finds it, with its run and its route: everything the decision needs."""

    id: int
    run_id: int
    platform: str
    environment: str
    bulk: bool
    members: bytes
    size: int
    attempt: int
    doubtful: bool
    not_before: int
    lease_until: int | None
    claims: int
    stalls: int
    settled: int
    doubt_end: int
    badged: int
    reasons: dict[str, int] | None
    blocks: bytes | None
    finished_at: int | None
    app_id: str
    run_state: str
    run_expires_at: int
    run_audience: int
    guarded: bool
    stopped_routes: dict[str, str] | None
    credential_id: int | None
    credential_version: int | None
    paused_until: int | None
    held_reason: str | None
    rest_cause: str | None = None
    troubled_since: int | None = None
    answered_at: int | None = None
    accepted_at: int | None = None
    counted_at: int | None = None
    accepted_lately: float | None = None
    misrouted_lately: float | None = None
    dead_lately: float | None = None
    troubled_lately: float | None = None
    rate: float | None = None  # of the run: devices a second, where its publisher paces it

    @property
    def is_whole_run(self) -> bool:
        """Whether the run has no other member that is still to be sent to."""
        return self.run_state == RunState.SENDING and self.size == self.run_audience

    @property
    def is_stopped(self) -> bool:
        """Whether the guard has stopped the run on this batch's route."""
        return self.environment in (self.stopped_routes or {})

    @property
    def probes(self) -> bool:
        """Whether the route was closed, so that one probe goes before all others."""
        return self.held_reason is not None or self.troubled_since is not None

    def recent(self, now: int) -> Recent:
        """Return what the route's provider answered lately, as of now."""
        counts = (
            self.accepted_lately,
            self.misrouted_lately,
            self.dead_lately,
            self.troubled_lately,
        )
        counted = Recent(*(count or 0.0 for count in counts))
        return counted.faded((now - (self.counted_at or now)) / 1000)


class RunMessage(NamedTuple):
    """What the devices of a run are told, as its message says it and its app has it."""

    message_id: str
    n: int
    app_id: str
    due_at: int
    expires_at: int
    ttl: int | None  # seconds; 0: now or never
    content: dict[str, Any]
    android_style: str
    sdk_copy: bool
    counts_badges: bool
    unknown_policy: str | None
    push_type: str | None = None  # of Apple's
    zone: str | None = None
    traceparent: str | None = None  # of its publish

    @property
    def trace(self) -> str | None:
        """The trace context of this firing of the message."""
        return of_firing(self.traceparent, firing_of(self.n, self.zone))


class FoundBatch(NamedTuple):
    """A batch, and its run's message where whoever asks has not read it before."""

    standing: Standing
    message: RunMessage | None


@dataclass(slots=True)
class Tally:
    """How many members of a slice ended how. Added to the batch's counters in one statement.

    `reasons` counts those that did not end as accepted. `moved` went on to a later attempt, and
    `resent` may have got one more copy.
    """

    ended: Counter[Settled] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    moved: int = 0
    resent: int = 0


class Progress(NamedTuple):
    """Where a batch stands after a slice. Without a lease it waits until `not_before`."""

    settled: int
    doubt_end: int
    not_before: int
    reasons: dict[str, int] | None
    lease_until: int | None = None
    woken_at: int | None = None
    finished_at: int | None = None
    stalls: int = 0
    blocks: bytes | None = None
    first_key: int | None = None
    last_key: int | None = None


class ClosedRun(NamedTuple):
    """A run that has ended. `seconds` since it was due: None where it was cancelled.

    `first_seconds`: until its first batch with accepted devices was finished, if there is one.
    """

    run_id: int
    bulk: bool
    seconds: float | None
    first_seconds: float | None


class Ended(NamedTuple):
    """What became of one device in one run: the `n`th of its message."""

    run_id: int
    device_key: int
    message_id: str
    n: int
    outcome: str
    reason: str | None
    provider_id: str | None
    attempts: int
    settled_at: int


class Settlement(NamedTuple):
    """Devices of one run that ended alike: what differs is the device and the provider's id."""

    run_id: int
    outcome: str
    reason: str | None
    attempts: int
    settled_at: int
    devices: list[tuple[int, str | None]]  # (key, provider id)

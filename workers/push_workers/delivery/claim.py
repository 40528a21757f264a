"""What a worker that was woken for a batch should do with it, and what it holds then; pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from push_pipeline.ledger.blocks import is_full
from push_pipeline.ledger.state_machine import SENDABLE, BatchState, RunState, batch_state
from push_pipeline.ledger.values import ClosedRun, DueBatch, Standing
from push_pipeline.outcome import Settled
from push_pipeline.platform import Platform
from push_workers.delivery.personalise import ToAll
from push_workers.delivery.settle import Rules
from push_workers.senders.base import Target, Targets
from push_workers.senders.fcm.responses import ABOUT_APPLES_KEY

#: Claims without a recorded slice between them after which a batch is taken for poisoned: it
#: kills its worker, and would do so for ever.
MAX_STALLS = 10


Value = TypeVar("Value")

NO_KINDS: Final[Mapping[int, str]] = MappingProxyType({})
NO_LIVES: Final[Mapping[int, str | None]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Leave:
    """Do nothing: it is finished, in somebody's hands, not due, or paused."""


@dataclass(frozen=True, slots=True)
class Park:
    """Put it off: its route rests until then, or the guard has stopped its run there."""

    until: int


@dataclass(frozen=True, slots=True)
class SettleRest:
    """Settle what is left without sending. Members in doubt end as unknown all the same."""

    settled: Settled
    reason: str


@dataclass(frozen=True, slots=True)
class Send:
    """Take it and send, in slices of at most `window`."""

    window: int


Decision = Leave | Park | SettleRest | Send


def decide(batch: Standing, now: int, window: int) -> Decision:
    """Decide from the batch's row, its run's and its route's."""
    if _is_not_ours(batch, now):
        return Leave()
    if (end := _end_without_sending(batch, now)) is not None:
        return end
    if batch.is_stopped:
        return Park(batch.run_expires_at)
    if batch.paused_until is not None and batch.paused_until > now:
        return Park(batch.paused_until)
    # A route that was closed gets one probe; a thousand refusals would prove no more.
    return Send(1 if batch.probes else window)


def without_others_hold(batch: Standing) -> Standing:
    """Return a batch as if its route were open, where what holds it concerns other devices.

    A key that Apple refuses holds the pushes that go to iOS by FCM. Android's go on by the same
    credential, and prove nothing of that key.
    """
    if batch.held_reason in ABOUT_APPLES_KEY and batch.platform == Platform.ANDROID:
        return batch._replace(
            held_reason=None, paused_until=None, rest_cause=None, troubled_since=None
        )
    return batch


def _is_not_ours(batch: Standing, now: int) -> bool:
    return (
        batch_state(batch.finished_at, batch.lease_until, now) is not BatchState.WAITING
        or batch.not_before > now
        or batch.run_state == RunState.PAUSED
    )


def _end_without_sending(batch: Standing, now: int) -> SettleRest | None:
    if batch.run_state not in SENDABLE:
        return SettleRest(Settled.CANCELLED, "Cancelled")
    if batch.run_expires_at <= now:
        return SettleRest(Settled.EXPIRED, "Expired")
    if batch.credential_id is None:
        return SettleRest(Settled.REJECTED, "NoCredential")
    if batch.stalls >= MAX_STALLS:
        return SettleRest(Settled.REJECTED, "Abandoned")
    return None


def _of(keys: Sequence[int], column: Mapping[int, Value]) -> Sequence[Value]:
    return [*map(column.__getitem__, keys)] if column else ()


class Reach(Collection[int]):
    """Who of a batch is still registered: tokens by device key; one kind of them, or one each."""

    __slots__ = ("_kind", "_kinds", "_lives", "_tokens")

    def __init__(
        self,
        tokens: Mapping[int, str],
        kind: str = "",
        kinds: Mapping[int, str] = NO_KINDS,
        lives: Mapping[int, str | None] = NO_LIVES,
    ) -> None:
        self._tokens, self._kind, self._kinds, self._lives = tokens, kind, kinds, lives

    @classmethod
    def of(cls, targets: Sequence[Target]) -> "Reach":
        """Take targets that were made one by one."""
        return cls(
            {one.device_key: one.token for one in targets},
            kinds={one.device_key: one.kind for one in targets},
            lives={one.device_key: one.live_token for one in targets},
        )

    def among(self, keys: Sequence[int]) -> Targets:
        """Return those of some members that are reached, in their order."""
        tokens = self._tokens
        here = keys if all(map(tokens.__contains__, keys)) else [one for one in keys if one in self]
        kinds, lives = _of(here, self._kinds), _of(here, self._lives)
        return Targets(here, _of(here, tokens), self._kind, kinds, lives)

    def __contains__(self, key: object) -> bool:
        return key in self._tokens

    def __iter__(self) -> Iterator[int]:
        return iter(self._tokens)

    def __len__(self) -> int:
        return len(self._tokens)


NOBODY: Final = Reach({})


class Slice(NamedTuple):
    """Members from `start` to `end`, and the end of the slice after it (the same: the last)."""

    start: int
    end: int
    next_end: int
    doubtful: bool


class Probe(NamedTuple):
    """A batch that asks a closed route again, and when (epoch milliseconds)."""

    batch_id: int
    bulk: bool
    at: int


@dataclass(slots=True)
class Claim:
    """A batch that is ours until its lease ends: all that its delivery needs, and adds up."""

    batch: Standing
    number: int
    members: list[int]
    span: tuple[int, int]  # the smallest and the largest of them
    rules: Rules
    slices: list[Slice] = field(default_factory=list)
    targets: Reach = NOBODY
    said: ToAll = ToAll()  # noqa: RUF009  # where not all get the same
    tells_activity: bool = False  # an event of one, whose addresses are not its devices'
    seldom: frozenset[int] = frozenset()  # who is told of it at a lower priority
    read_at: int = 0
    badged: int = 0  # members before it had their badges changed
    lease_until: int = 0
    allowed_end: int = 0  # members before it may be sent to now …
    resume_at: int = 0  # … and the others not before this time
    gives_way: bool = False  # to others that wait, behind the slice at hand
    unsure: bool = False  # whether a commit was made that nobody saw
    closed: ClosedRun | None = None  # its run, with its last slice
    reasons: dict[str, int] = field(default_factory=dict)
    blocks: bytes | None = None  # which members were accepted so far
    released: list[DueBatch] = field(default_factory=list)  # by the route that it opened
    probe: Probe | None = None  # who asks the route again that it closed

    @property
    def kept(self) -> str:
        """What the ledger keeps of the slice at hand: rows where the batch takes no more blocks."""
        keep = self.rules.keep
        return "rows" if keep == "all" and is_full(self.blocks) else keep


def cut_slices(batch: Standing, first: int, window: int) -> Iterator[Slice]:
    """Cut a batch's open members into slices; those an earlier worker left in doubt come first.

    The slice in doubt keeps its bounds: it is exactly what may have been sent.
    """
    start, doubtful = batch.settled, batch.doubt_end > batch.settled
    end = batch.doubt_end if doubtful else min(start + first, batch.size)
    while start < batch.size:
        next_end = min(end + window, batch.size)
        yield Slice(start, end, next_end, doubtful)
        start, end, doubtful = end, next_end, False

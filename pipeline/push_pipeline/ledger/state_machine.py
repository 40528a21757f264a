"""The states of a message, a run and a batch, and what may lead from which to which; pure.

Each conditional update names its move and asks for the move's sources: from any other state it
changes no row. A fan-out or a batch that is taken over stays in its state: that is no move.
"""

from enum import Enum, StrEnum


class MessageState(StrEnum):
    """The API's word for a message."""

    SCHEDULED = "scheduled"  # accepted; also while it is being sent, and between repeats
    PUBLISHED = "published"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"  # never stored: the answer for an id that does not exist


class RunState(StrEnum):
    """Where one firing of a message stands."""

    SCHEDULED = "scheduled"  # due in the future, or due and not begun
    FANNING = "fanning"  # batch rows are being written; the first ones are being sent
    SENDING = "sending"  # every member has its batch row
    PAUSED = "paused"  # nothing is sent until an operator resumes it
    FINISHED = "finished"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"  # missed while everything was down, by the operator's policy


class BatchState(StrEnum):
    """Where a batch stands; its row says so by its lease and its end, without a word of its own."""

    WAITING = "waiting"  # in nobody's hands: new, put off, or its lease has run out
    TAKEN = "taken"  # a worker has it until the lease ends, or the worker is gone
    FINISHED = "finished"  # every member is settled or moved to a later attempt


class MessageMove(Enum):
    """What may happen to a message: from which states, to which."""

    CLOSE = ((MessageState.SCHEDULED,), (MessageState.PUBLISHED, MessageState.FAILED))
    CANCEL = ((MessageState.SCHEDULED,), (MessageState.CANCELLED,))

    def __init__(
        self, sources: tuple[MessageState, ...], targets: tuple[MessageState, ...]
    ) -> None:
        self.sources, self.targets = sources, targets


class RunMove(Enum):
    """What may happen to a run: from which states, to which."""

    BEGIN = ((RunState.SCHEDULED,), (RunState.FANNING,))
    SKIP = ((RunState.SCHEDULED,), (RunState.SKIPPED,))
    END_FAN_OUT = ((RunState.FANNING,), (RunState.SENDING,))
    FINISH = ((RunState.SENDING,), (RunState.FINISHED,))
    PAUSE = ((RunState.SCHEDULED, RunState.FANNING, RunState.SENDING), (RunState.PAUSED,))
    HOLD = ((RunState.FANNING,), (RunState.PAUSED,))  # its canary is out
    RESUME = ((RunState.PAUSED,), (RunState.SCHEDULED, RunState.FANNING, RunState.SENDING))
    CANCEL = (
        (RunState.SCHEDULED, RunState.FANNING, RunState.SENDING, RunState.PAUSED),
        (RunState.CANCELLED,),
    )

    def __init__(self, sources: tuple[RunState, ...], targets: tuple[RunState, ...]) -> None:
        self.sources, self.targets = sources, targets


class BatchMove(Enum):
    """What may happen to a batch: from which states, to which.

    Batches of a cancelled or expired run are taken as well, and settled without being sent.
    """

    TAKE = ((BatchState.WAITING,), (BatchState.TAKEN,))
    GIVE_BACK = ((BatchState.TAKEN,), (BatchState.WAITING,))  # or taken from who is gone
    FINISH = ((BatchState.TAKEN,), (BatchState.FINISHED,))

    def __init__(self, sources: tuple[BatchState, ...], targets: tuple[BatchState, ...]) -> None:
        self.sources, self.targets = sources, targets


#: States in which a run's batches may be sent.
SENDABLE = frozenset({RunState.FANNING, RunState.SENDING})


def batch_state(finished_at: int | None, lease_until: int | None, now: int) -> BatchState:
    """Read where a batch stands from its row. Times are epoch milliseconds."""
    if finished_at is not None:
        return BatchState.FINISHED
    held = lease_until is not None and lease_until >= now
    return BatchState.TAKEN if held else BatchState.WAITING

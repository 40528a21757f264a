"""The states of a message and of a run, and which change may follow which."""

from enum import StrEnum


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


#: States in which a run's batches may be sent.
SENDABLE = frozenset({RunState.FANNING, RunState.SENDING})

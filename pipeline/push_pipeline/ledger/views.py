"""The ledger as callers see it: in Python, over HTTP, on the command line, by the same names."""

from typing_extensions import TypedDict  # pydantic reads typing's only from Python 3.12 on

from push_pipeline.outcome import Settled

#: The counters that an audience is the sum of.
PARTS = (*Settled, "inFlight")


class Counts(TypedDict):
    """Devices by how their delivery ended; `audience` is the sum of the six after it."""

    audience: int
    accepted: int
    rejected: int
    expired: int
    cancelled: int
    unknown: int
    inFlight: int
    resent: int


class BroadcastLedger(TypedDict):
    """What became of a request to a broadcast channel; `audience` is None: nobody knows it.

    `timestamp` is what phones order updates by; `requestId` and `uniqueId` are what Apple knows
    it by.
    """

    channel: str
    environment: str
    audience: None
    timestamp: int
    requestId: str
    uniqueId: str | None
    outcome: str | None
    reason: str | None
    attempts: int
    resent: int
    settledAt: str | None


class RunLedger(Counts):
    """One firing of a message. Times are ISO 8601 in UTC."""

    n: int
    dueAt: str | None
    state: str
    zone: str | None
    zoneDefault: bool
    byPlatform: dict[str, Counts]
    byReason: dict[str, int]
    stopped: int  # of those in flight, who wait for `resume` where the guard stopped the run
    notFound: list[str]  # device ids that were named and not in the audience: the first thousand
    notFoundCount: int
    rate: float | None  # devices a second, where the publisher paces it
    expectedEndAt: str | None  # of a paced run, once all of its audience is known
    startedAt: str | None
    finishedAt: str | None
    broadcast: BroadcastLedger | None  # its one request, where it went to a broadcast channel


class Ledger(TypedDict):
    """What became of a message, run by run."""

    messageId: str
    status: str
    errorMessage: str | None
    resendable: int  # devices without an answer that `resend` would send to again
    resendOf: str | None  # the message that this one sends again
    resentAs: list[str]  # the messages that send this one again
    runs: list[RunLedger]

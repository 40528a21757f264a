"""What was received: a log of requests, and counts that find duplicates."""

from collections import Counter, deque
from typing import Any, NamedTuple

from push_workers.simulator.messages import Answer, Finding, Request

#: Requests that the log keeps; the oldest go first. About 1 kB each.
LOG_ENTRIES = 200_000


class Entry(NamedTuple):
    """One request and what became of it."""

    provider: str
    connection: int
    request: Request
    finding: Finding
    verdict: Answer
    answered: float | None  # epoch seconds; None where the answer never left
    processed: bool

    def as_json(self) -> dict[str, Any]:
        """Return what the control API shows."""
        request = self.request
        return {
            "provider": self.provider,
            "connection": self.connection,
            "stream": request.stream,
            "arrived": request.arrived,
            "answered": self.answered,
            "path": request.path,
            "token": self.finding.token,
            "topic": self.finding.topic,
            "id": self.finding.logical_id,
            "headers": {k: v for k, v in request.headers.items() if k != "authorization"},
            "body": request.body.decode("utf-8", "replace"),
            "status": self.verdict.status,
            "reason": self.verdict.reason,
            "answer": dict(self.verdict.headers),
            "processed": self.processed,
        }


class Journal:
    """Counts always; keeps entries unless `fast`.

    Processed means accepted: a device would get it. That is so for every 200 and 201, also where
    the answer was cut off or withheld, and for nothing else.
    """

    def __init__(self, *, fast: bool = False) -> None:
        self._fast = fast
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.entries: deque[Entry] = deque(maxlen=LOG_ENTRIES)
        self.received: Counter[str] = Counter()
        self.seen: Counter[tuple[str, str]] = Counter()
        self.answers: Counter[str] = Counter()

    def record(self, entry: Entry) -> None:
        """Write down one request that was decided."""
        verdict = entry.verdict
        self.answers[f"{entry.provider} {verdict.status} {verdict.reason}".rstrip()] += 1
        if entry.processed:
            token = entry.finding.token
            self.received[token] += 1
            self.seen[token, entry.finding.logical_id] += 1
        if not self._fast:
            self.entries.append(entry)

    def log(self) -> list[dict[str, Any]]:
        """Return the kept entries, oldest first."""
        return [entry.as_json() for entry in self.entries]

    def seen_rows(self) -> list[tuple[str, str, int]]:
        """Return token, logical id and count of everything processed."""
        return [(token, logical_id, count) for (token, logical_id), count in self.seen.items()]


def duplicates(rows: list[tuple[str, str, int]]) -> list[dict[str, Any]]:
    """Return what was processed more than once for the same token and logical id."""
    return [
        {"token": token, "id": logical_id, "count": count}
        for token, logical_id, count in rows
        if count > 1
    ]

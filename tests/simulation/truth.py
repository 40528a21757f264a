"""What really happened, which no row knows: copies that arrived, and what providers said."""

from collections import Counter, defaultdict
from typing import NamedTuple

from push_pipeline.outcome import Outcome
from tests.simulation.answers import Answer


class Refusal(NamedTuple):
    """A provider called a token dead or wrong. `since`: epoch milliseconds."""

    token: str
    since: int
    is_believed: bool  # something was accepted by the same route, or an operator believes it

    def speaks_of(self, token: str, registered_at: int) -> bool:
        return self.token == token and self.since >= registered_at


class Truth:
    """Kept by the world while it goes on. Devices of a run are (run, device)."""

    def __init__(self) -> None:
        self.copies: Counter[tuple[int, int]] = Counter()
        self.accepted: set[tuple[int, int]] = set()
        self.refused: set[tuple[int, int]] = set()
        self.evidence: dict[int, list[Refusal]] = defaultdict(list)
        self.trusted: set[int] = set()  # credentials
        self.troubled: set[int] = set()  # runs of which an answer was lost, or a worker died
        self.noted: dict[tuple[int, int], int] = {}  # (batch, claim) -> step of its last slice
        self.taken_at: dict[tuple[int, int], int] = {}  # (batch, claim) -> milliseconds
        self.cancelled: dict[str, int] = {}  # message -> step

    def tell(self, run_id: int, device: int, answer: Answer) -> None:
        """Note what became of one push."""
        key = run_id, device
        self.copies[key] += answer.arrived
        outcome = answer.verdict.outcome
        if outcome is Outcome.ACCEPTED:
            self.accepted.add(key)
        elif outcome in (Outcome.REJECTED, Outcome.GONE, Outcome.MISROUTED):
            self.refused.add(key)
        elif outcome is Outcome.UNKNOWN:
            self.troubled.add(run_id)

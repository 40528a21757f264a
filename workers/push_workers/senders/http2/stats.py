"""What a transport has counted."""

from dataclasses import dataclass
from typing import NamedTuple


class Stats(NamedTuple):
    """Totals since the transport was made, in this process."""

    connects: int  # connections that were dialled
    requests: int  # requests given to a connection, each time counted
    refused: int  # of these, refused by the peer: not processed for certain
    unknown: int  # of these, written and without a complete answer
    goaways: int  # connections that the peer asked us to leave
    stateful: int  # connections whose peer ignores our header table size: slower to read


@dataclass(slots=True)
class RunningTotals:
    """The running totals behind `Stats`, shared by a transport's connections."""

    connects: int = 0
    requests: int = 0
    refused: int = 0
    unknown: int = 0
    goaways: int = 0
    stateful: int = 0

    def snapshot(self) -> Stats:
        """The totals now."""
        return Stats(
            self.connects, self.requests, self.refused, self.unknown, self.goaways, self.stateful
        )

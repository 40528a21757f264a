"""Does the ledger of a finished message add up, and does it agree with the providers? Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from push_pipeline.ledger.views import Ledger
from push_pipeline.outcome import Settled


class Received(NamedTuple):
    """What the simulated providers counted: devices that got it, and all the copies they got."""

    devices: int
    copies: int


class Line(NamedTuple):
    """One thing that must hold."""

    ok: bool
    says: str


def reckon(ledger: Ledger, registered: int, received: Received) -> Iterator[Line]:
    """Compare a ledger with the devices that were registered and with the providers' counts."""
    total = ledger["runs"][-1]
    settled = _settled(total)
    words = " + ".join(f"{count:,} {name}" for name, count in settled.items() if count)
    yield Line(
        total["audience"] == sum(settled.values()) + total["inFlight"] == registered,
        f"the ledger balances: {registered:,} registered = {total['audience']:,} audience"
        f" = {words or 0}",
    )
    yield Line(
        total["inFlight"] == 0 and total["state"] == "finished",
        f"everything is settled: {total['inFlight']:,} in flight, the run is {total['state']}",
    )
    least, most = total["accepted"], total["accepted"] + total["unknown"]
    yield Line(
        least <= received.devices <= most,
        f"the providers agree: they took it for {received.devices:,} devices,"
        f" the ledger says {least:,} accepted",
    )
    twice = received.copies - received.devices
    yield Line(
        twice <= total["resent"],
        f"duplicates: {twice:,} copies too many reached the providers,"
        f" the ledger counts {total['resent']:,} resent",
    )


def _settled(counts: Mapping[str, Any]) -> dict[str, int]:
    return {settled.value: counts[settled] for settled in Settled}

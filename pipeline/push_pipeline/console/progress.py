"""What is said of a message's numbers: its bar, its rate, when it will be done; pure."""

from collections.abc import Mapping
from typing import NamedTuple

from push_pipeline.ledger.views import PARTS

#: Steps of a bar. A length in a style would need inline style, which the policy forbids: a part
#: is a class `w-0` to `w-200`, in half percents.
STEPS = 200


#: What is shown where there is no number.
NOTHING = "\N{EN DASH}"

#: Percent.
SMALLEST = 0.1


class Part(NamedTuple):
    """A part of a bar: which, how many devices, how long in steps of the bar."""

    name: str
    devices: int
    steps: int


def bar(counts: Mapping[str, int]) -> list[Part]:
    """Divide a bar among the parts of an audience; one that is not empty can be seen."""
    total = counts["audience"]
    if not total:
        return []
    present = [(name, counts[name]) for name in map(str, PARTS) if counts[name]]
    parts = [Part(name, n, max(1, round(n * STEPS / total))) for name, n in present]
    over = sum(part.steps for part in parts) - STEPS
    widest = max(range(len(parts)), key=lambda i: parts[i].steps)
    parts[widest] = parts[widest]._replace(steps=parts[widest].steps - over)
    return parts


def share(part: int, whole: int) -> str:
    """Write a share in percent, so that neither nothing nor all is said where it is not so."""
    if not whole:
        return NOTHING
    percent = 100 * part / whole
    if part and percent < SMALLEST:
        return f"< {SMALLEST} %"
    if part < whole and percent > 100 - SMALLEST:
        return f"> {100 - SMALLEST} %"
    return f"{percent:.3g} %"


class Pace(NamedTuple):
    """How fast a message goes: devices a second, and seconds to its end; None is not known."""

    rate: float | None
    left_seconds: float | None


#: Where nothing is known of it.
UNKNOWN = Pace(None, None)


def pace(settled_before: int, settled: int, seconds: float, in_flight: int) -> Pace:
    """Tell how fast it goes from two looks at it."""
    if seconds <= 0 or settled <= settled_before:
        return UNKNOWN
    rate = (settled - settled_before) / seconds
    return Pace(rate, in_flight / rate)

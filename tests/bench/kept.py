"""What was measured before, kept as JSON, and what of it stands in README.md."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench.figures import Figure, markdown_table
from tests.bench.measures import MEASURES

Kept = Mapping[str, Any]


def newest(kept: Sequence[Kept]) -> Kept:
    """Return the last, of those by date, that measured everything in full; else the last."""
    return next((one for one in reversed(kept) if is_full(one)), kept[-1])


def is_full(kept: Kept) -> bool:
    """Say whether every measure was taken, and not in a hurry."""
    return not kept["plan"]["quick"] and all(one.name in kept["documents"] for one in MEASURES)


def block(kept: Kept) -> list[str]:
    """Return what stands between the marks of README.md: the table, and when and where it was."""
    figures = [Figure(**one) for one in kept["figures"]]
    where = f"{kept['at']}: {kept['plan']['rounds']} rounds on {kept['cores']} cores"
    shown = markdown_table([figure for figure in figures if figure.shown])
    return [*shown, "", f"{where}, Python {kept['python']}."]

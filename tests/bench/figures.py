"""What benchmarks found, as a table: a value for each round, told by median, least and most.

Ratios to h2load are taken within a round, since a machine is not as fast in all of them.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEADS = ("measure", "median (least to most)", "wall of h2load's", "CPU of h2load's", "goal")

#: What stands before and after the table in README.md.
BEGIN = "<!-- speed: made by python -m tests.bench --readme -->"
END = "<!-- end of speed -->"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table; `wall` and `cpu` are ratios to h2load's rate and time per request.

    `shown` rows are those of the README.
    """

    name: str
    unit: str
    values: Sequence[float]
    wall: Sequence[float] = ()
    cpu: Sequence[float] = ()
    goal: str = ""
    shown: bool = False

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return the texts of its row."""
        told = f"{span(self.values)} {self.unit}".strip()
        return (self.name, told, span(self.wall), span(self.cpu), self.goal)


def span(values: Sequence[float]) -> str:
    """Tell the median, and of several values also the least and the most."""
    if not values:
        return ""
    middle = number(statistics.median(values))
    ends = f"{number(min(values))} to {number(max(values))}"
    return f"{middle} ({ends})" if len(values) > 1 else middle


def number(value: float) -> str:
    """Write a number with three digits that count, or with all before the point."""
    places = next((n for n, least in enumerate((100, 10, 1, 0.1)) if abs(value) >= least), 4)
    return f"{value:,.{places}f}"


def ratios(values: Iterable[float], others: Iterable[float]) -> list[float]:
    """Divide what was measured in each round by what the other took in the same."""
    return [one / other for one, other in zip(values, others, strict=True)]


def text_table(figures: Sequence[Figure]) -> list[str]:
    """Return the table for a terminal, line by line."""
    rows = [HEADS, *(figure.cells() for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]


def markdown_table(figures: Sequence[Figure]) -> list[str]:
    """Return the table for README.md, line by line."""
    rows = [HEADS, ("---",) * len(HEADS), *(figure.cells() for figure in figures)]
    return ["|" + "|".join(f" {cell} " if cell else " " for cell in row) + "|" for row in rows]


def with_table(text: str, table: Sequence[str]) -> str:
    """Put a table between the marks of a text.

    Raises:
        ValueError: it has not one of each mark, in their order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError("the text lacks the two marks of the table, or has them twice")
    return "\n".join([before + BEGIN, *table, END]) + after


def table_of(text: str) -> list[str]:
    """Return the lines between the marks of a text."""
    return text.partition(BEGIN)[2].partition(END)[0].strip().splitlines()

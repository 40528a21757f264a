"""A clause as a value: what is asked of a registration. Pure.

NOT is carried down to the single conditions when a clause is built (De Morgan's laws hold in
three-valued logic), and AND inside AND is one AND. So nesting is bounded by what was written,
and a database with a small parser can take it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from push_pipeline.whereclause import literals
from push_pipeline.whereclause.columns import Column

Order = Literal["<", "<=", ">", ">="]

_OPPOSITE: Final[dict[Order, Order]] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@dataclass(frozen=True, slots=True)
class Ordered:
    """The column's value is before or after a value."""

    column: Column
    operator: Order
    value: literals.Literal


@dataclass(frozen=True, slots=True)
class OneOf:
    """The column's value is one of some values; `=` is one of one."""

    column: Column
    values: tuple[literals.Literal, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Like:
    """The column's text has the form of a pattern."""

    column: Column
    pattern: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IsNull:
    """The column has no value."""

    column: Column
    negated: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds. At least two; none of them is an All."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Some part holds. At least two; none of them is an AnyOf."""

    parts: tuple["Condition", ...]


Condition = Ordered | OneOf | Like | IsNull | All | AnyOf


def all_of(parts: Sequence[Condition]) -> Condition:
    """Join conditions with AND."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, All) else (part,))]
    return flat[0] if len(flat) == 1 else All(tuple(flat))


def any_of(parts: Sequence[Condition]) -> Condition:
    """Join conditions with OR."""
    flat = [
        inner for part in parts for inner in (part.parts if isinstance(part, AnyOf) else (part,))
    ]
    return flat[0] if len(flat) == 1 else AnyOf(tuple(flat))


def negate(condition: Condition) -> Condition:
    """Return the condition that is true where this is false; unknown stays unknown."""
    match condition:
        case Ordered(operator=operator):
            return replace(condition, operator=_OPPOSITE[operator])
        case All(parts):
            return any_of([negate(part) for part in parts])
        case AnyOf(parts):
            return all_of([negate(part) for part in parts])
        case OneOf() | Like() | IsNull():
            return replace(condition, negated=not condition.negated)


def columns_of(condition: Condition) -> Iterator[Column]:
    """Name the columns that a condition asks about, in order, with repeats."""
    if isinstance(condition, All | AnyOf):
        for part in condition.parts:
            yield from columns_of(part)
    else:
        yield condition.column


def depth(condition: Condition) -> int:
    """Count the levels of a condition."""
    if isinstance(condition, All | AnyOf):
        return 1 + max(map(depth, condition.parts))
    return 1

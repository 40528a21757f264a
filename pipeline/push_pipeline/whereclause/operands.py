"""A column in SQL: its value as a text and as a number, and what may be asked of either."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any, Final

from sqlalchemy import ColumnElement, func, null, or_, type_coerce

from push_pipeline.whereclause.conditions import Order
from push_pipeline.whereclause.expressions import (
    Number,
    by_code_point,
    like,
    number_of,
    property_is_null,
    property_number,
    property_text,
)
from push_pipeline.whereclause.literals import Literal

Expression = ColumnElement[Any]

_OPERATORS: Final[dict[Order, Callable[[Any, Any], Any]]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True, slots=True)
class Operand:
    """A column's value. At most one of `text` and `number` is not NULL in a row."""

    text: Expression | None
    number: Expression | None
    is_null: Expression

    @classmethod
    def of_text(cls, column: Expression) -> "Operand":
        """Make the operand of a text column."""
        return cls(column, None, column.is_(None))

    @classmethod
    def of_moment(cls, column: Expression) -> "Operand":
        """Make the operand of a column of epoch milliseconds."""
        return cls(None, type_coerce(column, Number()), column.is_(None))

    @classmethod
    def of_property(cls, document: Expression, path: Sequence[str]) -> "Operand":
        """Make the operand of a property of a JSON document."""
        return cls(
            property_text(document, path),
            property_number(document, path),
            property_is_null(document, path),
        )

    def ordered(self, operator: Order, value: Literal) -> Expression:
        """Ask whether it is before or after a value."""
        compare = _OPERATORS[operator]
        answers: list[Expression] = []
        if self.text is not None and value.text is not None:
            answers.append(compare(by_code_point(self.text), value.text))
        elif self.text is not None:
            answers.append(compare(number_of(self.text), value.number))
        if self.number is not None and value.number is not None:
            answers.append(compare(self.number, value.number))
        return _known(answers)

    def one_of(self, values: Sequence[Literal]) -> Expression:
        """Ask whether it is one of some values."""
        answers = []
        if self.text is not None:
            answers.append(self._one_of_as_text(self.text, values))
        if self.number is not None:
            numbers = [value.number for value in values if value.number is not None]
            unknown = [null()] if len(numbers) < len(values) else []
            answers.append(or_(self.number.in_(numbers), *unknown))
        return _known(answers)

    def like(self, pattern: str) -> Expression:
        """Ask whether it is a text of a form; unknown for what is no text."""
        return null() if self.text is None else like(self.text, pattern)

    @staticmethod
    def _one_of_as_text(text: Expression, values: Sequence[Literal]) -> Expression:
        texts = [value.text for value in values if value.text is not None]
        numbers = [value.number for value in values if value.text is None]
        parts = [text.in_(texts)] if texts else []
        return or_(*parts, *([number_of(text).in_(numbers)] if numbers else []))


def _known(answers: list[Expression]) -> Expression:
    """Return the answer of the one that the value is; the other's is unknown."""
    return func.coalesce(*answers) if len(answers) > 1 else answers[0]

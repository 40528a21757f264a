"""A clause's text → a condition, or an error that points at the column of the fault."""

import re
from functools import cache, lru_cache
from typing import Final, NamedTuple, cast

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, UnexpectedToken

from push_pipeline.errors import InvalidWhereClause
from push_pipeline.options.channel import normal_name
from push_pipeline.whereclause.columns import KNOWN, Column, Kind, find_column
from push_pipeline.whereclause.conditions import (
    Condition,
    IsNull,
    Like,
    OneOf,
    Order,
    Ordered,
    all_of,
    any_of,
    negate,
)
from push_pipeline.whereclause.grammar import GRAMMAR
from push_pipeline.whereclause.literals import (
    FALSE,
    NUMBER_TEXT_MAX,
    TRUE,
    Literal,
    quoted,
    unquoted,
)

#: Characters. Room for a few hundred values; a database takes more, a reader does not.
LENGTH_MAX: Final = 4096

#: Parentheses inside parentheses.
DEPTH_MAX: Final = 50

#: Clauses kept parsed: the pages of a fan-out ask for the same one again and again.
CLAUSES_KEPT: Final = 256

_QUOTED_OR_BRACKET: Final = re.compile(r"'(?:[^']|'')*'|[()]")
_NO_CHARACTER: Final = re.compile("[\0\ud800-\udfff]")  # PostgreSQL takes neither in a text
_UNPAIRED_BACKSLASH: Final = re.compile(r"(?:[^\\]|\\.)*\\", re.DOTALL)

#: What the parser expects next, in a reader's words, in the order in which they are told.
_EXPECTED: Final = {
    "COLUMN": "a column",
    "TEXT": "a value",
    "OPERATOR": "a comparison",
    "_LIKE": "LIKE",
    "_IN": "IN",
    "_BETWEEN": "BETWEEN",
    "_AND": "AND",
    "_OR": "OR",
    "COMMA": "a comma",
    "RPAR": "a closing parenthesis",
    "LPAR": "an opening parenthesis",
    "_NULL": "NULL",
    "$END": "the end",
}


@lru_cache(CLAUSES_KEPT)
def parse_clause(text: str) -> Condition:
    """Read a clause.

    Raises:
        InvalidWhereClause: "at column 12: …", counted from 1. The clause's values are not
            repeated: they may be a user's data.
    """
    _check_size(text)
    try:
        return cast("Condition", _parser().parse(text))
    except UnexpectedInput as fault:
        raise _explained(fault, text) from None


def check_segment(clause: str) -> None:
    """Read the clause of a message's or a template's segment.

    Raises:
        InvalidWhereClause: as for `parse_clause`, with the field's name: whoever fills a form, or
            sends many fields, sees which one is wrong.
    """
    try:
        parse_clause(clause)
    except InvalidWhereClause as wrong:
        raise InvalidWhereClause(f"segmentQuery {wrong}") from None


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", transformer=_Builder())


def _check_size(text: str) -> None:
    if len(text) > LENGTH_MAX:
        raise _fault(LENGTH_MAX, f"a where clause has at most {LENGTH_MAX} characters")
    wrong = _NO_CHARACTER.search(text)
    if wrong is not None:
        raise _fault(wrong.start(), "this is no character of a text")
    inside = 0
    for found in _QUOTED_OR_BRACKET.finditer(text):
        inside += {"(": 1, ")": -1}.get(found[0], 0)
        if inside > DEPTH_MAX:
            raise _fault(found.start(), f"more than {DEPTH_MAX} parentheses inside each other")


class _Value(NamedTuple):
    literal: Literal
    at: int


@v_args(inline=True)
class _Builder(Transformer[Token, Condition]):
    """Builds the condition while the parser reads: no depth of nesting needs recursion here."""

    def disjunction(self, *parts: Condition) -> Condition:
        return any_of(parts)

    def conjunction(self, *parts: Condition) -> Condition:
        return all_of(parts)

    def negation(self, _: Token, part: Condition) -> Condition:
        return negate(part)

    def comparison(self, name: Token, operator: Token, value: _Value) -> Condition:
        column = _column(name)
        literal = _comparable(column, value)
        if operator in {"=", "!=", "<>"}:
            return OneOf(column, (literal,), negated=operator != "=")
        return Ordered(column, cast("Order", str(operator)), literal)

    def like(self, name: Token, negated: Token | None, pattern: Token) -> Condition:
        column, text = _column(name), _unquote(pattern)
        if column.kind is Kind.MOMENT:
            raise _fault(_at(name), f"{name} is a time: LIKE takes texts only")
        if _UNPAIRED_BACKSLASH.fullmatch(text):
            raise _fault(_at(pattern), "a pattern cannot end with a backslash")
        written = normal_name(text) if column.name == "channelName" else text
        return Like(column, written, negated is not None)

    def one_of(self, name: Token, negated: Token | None, *values: _Value) -> Condition:
        column = _column(name)
        literals = tuple(_comparable(column, value) for value in values)
        return OneOf(column, literals, negated is not None)

    def between(self, name: Token, negated: Token | None, low: _Value, high: _Value) -> Condition:
        column = _column(name)
        first = Ordered(column, ">=", _comparable(column, low))
        last = Ordered(column, "<=", _comparable(column, high))
        both = all_of([first, last])
        return both if negated is None else negate(both)

    def is_null(self, name: Token, negated: Token | None) -> Condition:
        return IsNull(_column(name), negated is not None)

    def text(self, token: Token) -> _Value:
        return _Value(quoted(_unquote(token)), _at(token))

    def number(self, token: Token) -> _Value:
        literal = unquoted(token)
        if literal is None:
            raise _fault(_at(token), f"a number has at most {NUMBER_TEXT_MAX} characters")
        return _Value(literal, _at(token))

    def true(self, token: Token) -> _Value:
        return _Value(TRUE, _at(token))

    def false(self, token: Token) -> _Value:
        return _Value(FALSE, _at(token))


def _column(name: Token) -> Column:
    column = find_column(str(name))
    if column is None:
        raise _fault(_at(name), f"there is no such column; known are {', '.join(KNOWN)}")
    return column


def _comparable(column: Column, value: _Value) -> Literal:
    if column.kind is Kind.MOMENT and value.literal.number is None:
        hint = "milliseconds or a date such as '2026-01-31T12:00:00Z'"
        raise _fault(value.at, f"{column.name} is a time, it is compared with {hint}")
    return column.read(value.literal)


def _unquote(token: Token) -> str:
    return token[1:-1].replace("''", "'")


def _at(token: Token) -> int:
    return token.start_pos or 0


def _fault(at: int, what: str) -> InvalidWhereClause:
    return InvalidWhereClause(f"at column {at + 1}: {what}")


def _explained(fault: UnexpectedInput, text: str) -> InvalidWhereClause:
    at = fault.pos_in_stream or 0
    if isinstance(fault, UnexpectedToken):
        expected: set[str] = fault.accepts or fault.expected
        at = len(text) if fault.token.type == "$END" else at
    else:
        expected = getattr(fault, "allowed", None) or set()
        if text[at] == "'":
            return _fault(at, "this text has no closing quote")
    wanted = [words for name, words in _EXPECTED.items() if name in expected]
    hint = "; a missing value is asked for with IS NULL" if _is_null(fault) else ""
    return _fault(at, f"expected {' or '.join(wanted)}{hint}")


def _is_null(fault: UnexpectedInput) -> bool:
    return isinstance(fault, UnexpectedToken) and fault.token.type == "_NULL"

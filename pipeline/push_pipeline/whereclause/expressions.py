"""What a clause needs of a database that SQLAlchemy has no words for, in both dialects' SQL.

JSON stands in JSONB on PostgreSQL and in JSON1's text on SQLite. Every element is NULL where it
has no value; that is how the third truth value comes about.
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import BigInteger, Boolean, Numeric, Text, TypeDecorator, TypeEngine

from push_pipeline.whereclause.literals import NUMBER_TEXT_MAX


class Path(TypeDecorator[Any]):
    """The names on the way to a property: an array on PostgreSQL, a JSON path on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column type that the path travels as."""
        return Text() if dialect.name == "sqlite" else ARRAY(Text)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Write the path as the database reads it."""
        return (
            "".join(["$", *(f".{json.dumps(n)}" for n in value)])
            if dialect.name == "sqlite"
            else value
        )


class Number(TypeDecorator[Decimal]):
    """A number: exact on PostgreSQL, 64 bits (whole or floating) on SQLite."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Leave SQLite's numbers to its driver, which takes whole and floating ones alike."""
        return BigInteger() if dialect.name == "sqlite" else Numeric()

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Write the number as the database compares it."""
        if value is None or dialect.name != "sqlite":
            return value
        return int(value) if value == value.to_integral_value() else float(value)


class _OfProperty(FunctionElement[Any]):
    """A document and a path in it."""

    inherit_cache = True

    def __init__(
        self, document: ColumnElement[Any], path: Sequence[str] | BindParameter[Any]
    ) -> None:
        if not isinstance(path, BindParameter):
            path = bindparam(None, list(path), type_=Path(), unique=True)
        super().__init__(document, path)


class property_text(_OfProperty):  # noqa: N801 - reads as a function in a query
    """The property's text; NULL where it is no text."""

    inherit_cache = True
    type = Text()


class property_number(_OfProperty):  # noqa: N801
    """The property's number, 1 for true and 0 for false; NULL where it is neither."""

    inherit_cache = True
    type = Number()


class property_is_null(_OfProperty):  # noqa: N801
    """Whether the property is absent or null."""

    inherit_cache = True
    type = Boolean()


class property_json(_OfProperty):  # noqa: N801
    """The property as JSON, its numbers as they were written; `null` where it is absent."""

    inherit_cache = True
    type = Text()


class json_of(FunctionElement[str]):  # noqa: N801
    """A text as JSON."""

    inherit_cache = True
    type = Text()


class number_of(FunctionElement[Any]):  # noqa: N801
    """The number that a text looks like, by `literals.text_as_number`; NULL for others."""

    inherit_cache = True
    type = Number()


class by_code_point(FunctionElement[str]):  # noqa: N801
    """A text, to be put in the order of code points whatever the database's collation."""

    inherit_cache = True
    type = Text()


class like(FunctionElement[bool]):  # noqa: N801
    """A text has the form of a pattern; the case of A to Z and of no other letter is ignored."""

    inherit_cache = True
    type = Boolean()


def _compiled(element: FunctionElement[Any], compiler: SQLCompiler, **keywords: Any) -> list[str]:
    return [compiler.process(clause, **keywords) for clause in element.clauses]


@compiles(property_text)
def _property_text(element: property_text, compiler: SQLCompiler, **keywords: Any) -> str:
    document, path = _compiled(element, compiler, **keywords)
    if compiler.dialect.name == "sqlite":
        kind, value = f"json_type({document}, {path})", f"json_extract({document}, {path})"
        return f"CASE {kind} WHEN 'text' THEN {value} END"
    return f"CASE jsonb_typeof({document} #> {path}) WHEN 'string' THEN {document} #>> {path} END"


@compiles(property_number)
def _property_number(element: property_number, compiler: SQLCompiler, **keywords: Any) -> str:
    document, path = _compiled(element, compiler, **keywords)
    if compiler.dialect.name == "sqlite":
        kind, value = f"json_type({document}, {path})", f"json_extract({document}, {path})"
        return f"CASE WHEN {kind} IN ('integer', 'real', 'true', 'false') THEN {value} END"
    value = f"{document} #>> {path}"
    return (
        f"CASE jsonb_typeof({document} #> {path}) WHEN 'number' THEN ({value})::numeric"
        f" WHEN 'boolean' THEN ({value})::boolean::integer::numeric END"
    )


@compiles(property_is_null)
def _property_is_null(element: property_is_null, compiler: SQLCompiler, **keywords: Any) -> str:
    document, path = _compiled(element, compiler, **keywords)
    if compiler.dialect.name == "sqlite":
        return f"(json_extract({document}, {path}) IS NULL)"
    return f"(({document} #>> {path}) IS NULL)"


@compiles(property_json)
def _property_json(element: property_json, compiler: SQLCompiler, **keywords: Any) -> str:
    document, path = _compiled(element, compiler, **keywords)
    if compiler.dialect.name == "sqlite":
        # Of one path JSON1 gives a value, whose long numbers are rounded; of two a list, of which
        # the first half is taken. The operator `->` is not in every SQLite.
        both = f"SELECT json_extract({document}, {path}, {path}) AS both"
        return f"(SELECT substr(both, 2, length(both) / 2 - 1) FROM ({both}))"  # noqa: S608
    return f"coalesce(({document} #> {path})::text, 'null')"


@compiles(json_of)
def _json_of(element: json_of, compiler: SQLCompiler, **keywords: Any) -> str:
    (text,) = _compiled(element, compiler, **keywords)
    return f"json_quote({text})" if compiler.dialect.name == "sqlite" else f"to_json({text})::text"


@compiles(number_of)
def _number_of(element: number_of, compiler: SQLCompiler, **keywords: Any) -> str:
    (text,) = _compiled(element, compiler, **keywords)
    if compiler.dialect.name == "sqlite":
        # GLOB knows no repetition: no other character, a digit at both ends, no two dots in a row.
        digits = f"ltrim({text}, '-')"
        looks = (
            f"length({text}) <= {NUMBER_TEXT_MAX} AND {digits} NOT GLOB '*[^0-9.]*'"
            f" AND {digits} GLOB '[0-9]*' AND {digits} GLOB '*[0-9]'"
            f" AND {text} NOT GLOB '*..*' AND {text} NOT GLOB '--*'"
        )
        return f"CASE WHEN {looks} THEN CAST({text} AS NUMERIC) END"
    looks = f"length({text}) <= {NUMBER_TEXT_MAX} AND {text} ~ '^-?[0-9]+([.][0-9]+)*$'"
    return f"CASE WHEN {looks} THEN substring({text} from '^-?[0-9]+(?:[.][0-9]+)?')::numeric END"


@compiles(by_code_point)
def _by_code_point(element: by_code_point, compiler: SQLCompiler, **keywords: Any) -> str:
    (text,) = _compiled(element, compiler, **keywords)
    return text if compiler.dialect.name == "sqlite" else f'(({text}) COLLATE "C")'


@compiles(like)
def _like(element: like, compiler: SQLCompiler, **keywords: Any) -> str:
    text, pattern = _compiled(element, compiler, **keywords)
    if compiler.dialect.name == "sqlite":
        return rf"({text} LIKE {pattern} ESCAPE '\')"
    # In the collation "C" lower case is a matter of ASCII, as it is in SQLite's LIKE.
    return rf"""((({text}) COLLATE "C") ILIKE {pattern} ESCAPE '\')"""

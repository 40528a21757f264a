"""Many rows as one bound text, for a statement that is the same however many there are.

Bound value by value they are a statement of its own for each number of rows, which the driver
takes apart and the database plans each time: that costs more than the writing.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Text, bindparam, column, func
from sqlalchemy.types import TypeEngine

#: The statement's parameter that takes what `as_text` wrote.
ROWS = "rows"


def as_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows as `columns_of` reads them."""
    listed = list(rows)
    try:
        return orjson.dumps(listed).decode()
    except TypeError:  # an integer beyond 64 bits in some properties
        return json.dumps(listed, ensure_ascii=False)


def columns_of(
    connection: Connection, types: Mapping[str, TypeEngine[Any]]
) -> list[ColumnElement[Any]]:
    """Return the columns of the rows, to be selected; what a row lacks is NULL."""
    if connection.dialect.name == "postgresql":
        return recordset(types)
    value = func.json_each(bindparam(ROWS, type_=Text())).table_valued("value", name="told").c.value
    return [func.json_extract(value, f"$.{name}", type_=kind) for name, kind in types.items()]


def recordset(types: Mapping[str, TypeEngine[Any]]) -> list[ColumnElement[Any]]:
    """Return the columns of the rows as PostgreSQL reads them."""
    told = func.json_to_recordset(func.json(bindparam(ROWS, type_=Text()))).table_valued(
        *(column(name, kind) for name, kind in types.items()), name="told"
    )
    return list(told.render_derived(with_types=True).c)

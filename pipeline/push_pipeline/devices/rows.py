"""Many rows as one bound text: a statement that reads them costs the same however many there are.

Bound value by value, a thousand rows cost more to compile and send than to write.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Text, bindparam, column, func
from sqlalchemy.types import TypeEngine

#: The statement's parameter that takes what `as_text` wrote.
ROWS = "rows"


def as_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows as `columns_of` reads them."""
    return orjson.dumps(list(rows)).decode()


def columns_of(
    connection: Connection, types: Mapping[str, TypeEngine[Any]]
) -> list[ColumnElement[Any]]:
    """Return the columns of the rows, to be selected; what a row lacks is NULL."""
    text = bindparam(ROWS, type_=Text())
    if connection.dialect.name == "postgresql":
        told = func.json_to_recordset(func.json(text)).table_valued(
            *(column(name, kind) for name, kind in types.items()), name="told"
        )
        return list(told.render_derived(with_types=True).c)
    value = func.json_each(text).table_valued("value", name="told").c.value
    return [func.json_extract(value, f"$.{name}", type_=kind) for name, kind in types.items()]

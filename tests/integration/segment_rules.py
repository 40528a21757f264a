"""The rules of where clauses read plainly: what a clause, as tuples, says of a registration.

Written from the rules alone; it shares nothing with the parser or the SQL.
"""

import re
from decimal import Decimal

Row = dict[str, object]
Truth = bool | None


def written(clause: tuple) -> str:  # noqa: PLR0911 - one for each kind
    """Write a clause as a caller would."""
    kind, *parts = clause
    match kind:
        case "and" | "or":
            return f" {kind.upper()} ".join(f"({written(part)})" for part in parts)
        case "not":
            return f"NOT ({written(parts[0])})"
        case "compare":
            column, operator, value = parts
            return f"{column} {operator} {literal(value)}"
        case "in":
            column, values = parts
            return f"{column} IN ({', '.join(map(literal, values))})"
        case "between":
            column, low, high = parts
            return f"{column} between {literal(low)} AND {literal(high)}"
        case "like":
            column, pattern = parts
            return f"{column} LIKE {literal(pattern)}"
        case _:
            return f"{parts[0]} is null"


def literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value)
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def truth(clause: tuple, row: Row) -> Truth:  # noqa: PLR0911 - one for each kind
    """Say whether a clause is true, false or unknown of a registration."""
    kind, *parts = clause
    match kind:
        case "and":
            return _all([truth(part, row) for part in parts])
        case "or":
            return _not(_all([_not(truth(part, row)) for part in parts]))
        case "not":
            return _not(truth(parts[0], row))
        case "compare":
            column, operator, value = parts
            return compare(column, row.get(column), operator, value)
        case "in":
            column, values = parts
            found = [compare(column, row.get(column), "=", value) for value in values]
            return _not(_all([_not(one) for one in found]))
        case "between":
            column, low, high = parts
            value = row.get(column)
            return _all([compare(column, value, ">=", low), compare(column, value, "<=", high)])
        case "like":
            column, pattern = parts
            return like(row.get(column), pattern)
        case _:
            return row.get(parts[0]) is None


def _not(value: Truth) -> Truth:
    return None if value is None else not value


def _all(values: list[Truth]) -> Truth:
    if False in values:
        return False
    return None if None in values else True


def compare(column: str, value: object, operator: str, wanted: object) -> Truth:
    if column == "os" and isinstance(wanted, str):
        wanted = wanted.upper()
    if isinstance(value, str) and isinstance(wanted, str):
        return _ordered(value, operator, wanted)
    left = as_number(value, quoted=False)
    right = as_number(wanted, quoted=True)
    return None if left is None or right is None else _ordered(left, operator, right)


def _ordered(left, operator: str, right) -> bool:
    return {
        "=": left == right,
        "!=": left != right,
        "<>": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[operator]


DATES = {"2026-01-01": 1767225600000, "1970-01-01T00:00:01Z": 1000}


def as_number(value: object, *, quoted: bool) -> Decimal | None:
    if isinstance(value, bool | int | float):
        return Decimal(str(int(value) if isinstance(value, bool) else value))
    if not isinstance(value, str):
        return None
    if quoted and value in ("true", "false"):
        return Decimal(value == "true")
    if quoted and value in DATES:
        return Decimal(DATES[value])
    if len(value) > 18 or not re.fullmatch(r"-?[0-9]+(\.[0-9]+)*", value):
        return None
    return Decimal(".".join(value.split(".")[:2]))


def like(value: object, pattern: str) -> Truth:
    if not isinstance(value, str):
        return None
    expression, rest = "", list(_lower(pattern))
    while rest:
        one = rest.pop(0)
        if one == "\\":
            expression += re.escape(rest.pop(0))
        else:
            expression += {"%": ".*", "_": "."}.get(one) or re.escape(one)
    return re.fullmatch(expression, _lower(value), re.DOTALL) is not None


def _lower(text: str) -> str:
    return "".join(chr(ord(one) + 32) if "A" <= one <= "Z" else one for one in text)

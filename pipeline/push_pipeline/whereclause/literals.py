"""The values of a clause: what a text, a number or a date is compared as."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

#: Characters. The longest text that is read as a number: 18 digits fit into 64 bits.
NUMBER_TEXT_MAX: Final = 18

_NUMBER: Final = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)(?:\.[0-9]+)*")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?", re.DOTALL)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS: Final = {"true": Decimal(1), "false": Decimal(0)}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value of a clause. `text` is set for a quoted one, `number` where it has a number's value.

    A quoted value is compared with texts as text and with numbers as number; one without a
    number's value cannot be compared with numbers.
    """

    text: str | None
    number: Decimal | None


def quoted(text: str) -> Literal:
    """Return the literal of a text, without its quotes."""
    return Literal(text, _reading(text))


def unquoted(number: str) -> Literal | None:
    """Return the literal of a number's digits, or None where they are too many."""
    if len(number) > NUMBER_TEXT_MAX:
        return None
    return Literal(None, Decimal(number))


TRUE: Final = Literal(None, Decimal(1))
FALSE: Final = Literal(None, Decimal(0))


def text_as_number(text: str) -> Decimal | None:
    """Read a text as a number: digits, parts after a second dot without effect; None for others."""
    found = _NUMBER.fullmatch(text) if len(text) <= NUMBER_TEXT_MAX else None
    return None if found is None else Decimal(found[1])


def _reading(text: str) -> Decimal | None:
    number = text_as_number(text)
    if number is not None or text in _WORDS:
        return number if number is not None else _WORDS[text]
    return _milliseconds(text)


def _milliseconds(text: str) -> Decimal | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)
    return Decimal((aware - _EPOCH) // timedelta(milliseconds=1))

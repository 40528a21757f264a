r"""Smart text: `{name}` is filled at publish, `{Users.column}` for each device; `\{` is a brace.

A value is text and nothing else: a variable in it is not filled again.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from push_pipeline.errors import InvalidParameter, MissingParameter, PayloadTooLarge

_VARIABLE: Final = re.compile(
    r"\\\{|\{([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\}", re.ASCII
)
#: Characters of all that is filled for one push: sixteen times what a provider takes. A short
#: text can name a long value a hundred thousand times.
FILLED_MAX: Final = 65_536

_OF_USER: Final = "Users."
_LIKE: Final = re.compile(r"(?<![A-Za-z0-9_.])like\s*\Z", re.ASCII | re.IGNORECASE)
_WILD: Final = re.compile(r"[\\%_]")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class SmartText:
    """Text whose variables were filled, save those that differ from device to device.

    `parts` are text, column, text, column, …, text: an odd number of them. A column is what
    stands after `Users.`.
    """

    parts: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The users' columns that it asks for, in order, with repeats."""
        return self.parts[1::2]

    def with_words(self, words: Mapping[str, str]) -> str:
        """Return the text with each column's words in its place."""
        texts = list(self.parts)
        texts[1::2] = [words[column] for column in self.columns]
        return "".join(texts)

    def __str__(self) -> str:
        return self.with_words({column: f"{{{_OF_USER}{column}}}" for column in self.columns})


@dataclass(slots=True)
class _Place:
    """How far a clause has been read: within a quoted text or not, and whether LIKE has it."""

    quoted: bool = False
    in_pattern: bool = False
    _between: str = ""  # what stands since the quoted text before

    def pass_over(self, text: str) -> None:
        """Read on."""
        for n, part in enumerate(text.split("'")):
            if n > 0:
                self._pass_quote()
            if not self.quoted:
                self._between += part

    def _pass_quote(self) -> None:
        self.quoted = not self.quoted
        if self.quoted and self._between:  # else it was a doubled quote, and the text goes on
            self.in_pattern = _LIKE.search(self._between) is not None
        self._between = ""


def fill(text: str, values: Mapping[str, str]) -> SmartText:
    """Fill the variables of one push.

    Raises:
        MissingParameter: a variable has no value; it is named.
        InvalidParameter: a variable with a dot is none of `Users`.
        PayloadTooLarge: the text, or what it becomes, is longer than any push may be.
    """
    parts = [""]
    length = len(text)
    check_length(length)
    for before, name in _pieces(text):
        parts[-1] += before
        if name is None:
            continue
        if name.startswith(_OF_USER):
            parts += [name.removeprefix(_OF_USER), ""]
        else:
            value = _value(name, values)
            length += len(value)
            check_length(length)  # before it is put together
            parts[-1] += value
    return SmartText(tuple(parts))


def check_length(filled: int) -> None:
    """Refuse so many characters where no push may have as many.

    Raises:
        PayloadTooLarge: they are too many.
    """
    if filled > FILLED_MAX:
        raise PayloadTooLarge(f"with its values a text has more than {FILLED_MAX} characters")


def fill_clause(clause: str, values: Mapping[str, str]) -> str:
    """Fill the variables of a where clause. No value can break out of the quotes around it.

    Outside of quotes only a number may be put in. In a pattern of LIKE a value is text: its `%`,
    `_` and backslashes mean themselves, those of the clause stay what they are.

    Raises:
        MissingParameter: a variable has no value.
        InvalidParameter: a value that is no number stands outside of quotes, or a variable is
            one of a device's user.
        PayloadTooLarge: the clause, or what it becomes, is longer than any may be.
    """
    filled = ""
    check_length(len(clause))
    place = _Place()
    for before, name in _pieces(clause):
        filled += before
        place.pass_over(before)
        if name is None:
            continue
        if name.startswith(_OF_USER):
            raise InvalidParameter(f"{{{name}}} has no meaning in a segment: write user.<column>")
        value = _value(name, values)
        if not place.quoted and not _NUMBER.fullmatch(value):
            raise InvalidParameter(f"{{{name}}} must stand inside quotes in a segment")
        if place.in_pattern:
            value = _WILD.sub(r"\\\g<0>", value)
        filled += value.replace("'", "''")
        check_length(len(filled))
    return filled


def sample_clause(clause: str) -> str:
    """Return a where clause as it could be once filled: a nought reads as text and as number.

    Raises:
        InvalidParameter: a variable has a dot.
    """
    names = {name for _, name in _pieces(clause) if name is not None}
    return fill_clause(clause, dict.fromkeys(names, "0"))


def check(text: str) -> str:
    """Return a text, each of whose variables is one that can be filled.

    Raises:
        InvalidParameter: a variable with a dot is none of `Users`.
    """
    for _, name in _pieces(text):
        if name is not None and not name.startswith(_OF_USER):
            _check_name(name)
    return text


def _pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """Cut into (text, variable after it); an escaped brace is text; the last has no variable."""
    at = 0
    for found in _VARIABLE.finditer(text):
        before = text[at : found.start()]
        yield (before, found[1]) if found[1] is not None else (before + "{", None)
        at = found.end()
    yield text[at:], None


def _value(name: str, values: Mapping[str, str]) -> str:
    _check_name(name)
    if name not in values:
        raise MissingParameter(f"templateValues has no value for {{{name}}}")
    return values[name]


def _check_name(name: str) -> None:
    if "." in name:
        raise InvalidParameter(f"{{{name}}} is no variable: one with a dot begins with Users")

"""A user's own words, put into a notification that was rendered once for all of a language.

The places are rendered as marks that occur nowhere else, and the rendered bytes are cut at them.
What differs between two devices is then a few bytes between pieces that are encoded already.
"""

import re
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from push_pipeline.content import compact_json
from push_pipeline.content.languages import DEFAULT
from push_pipeline.outcome import Outcome, Verdict
from push_pipeline.platform import Platform
from push_workers.senders.base import OnPause, Rendered, Sender, Targets
from push_workers.senders.verdicts import Verdicts

#: What becomes of a device for whom the notification is too large with its user's words.
TOO_LARGE: Final = Verdict(Outcome.REJECTED, "PayloadTooLarge")

#: What becomes of a device whose user has none of the words that are all there is to be read.
EMPTY: Final = Verdict(Outcome.REJECTED, "EmptyText")

#: Bytes of a mark's random part: 128 bits, which no text has by chance.
_MARK_BYTES: Final = 16

#: Decimal digits of the badge's mark: more than 128 bits, too.
_BADGE_DIGITS: Final = 39

#: Hexadecimal digits of a mark's number.
_NUMBER_DIGITS: Final = 4

#: Stands between words that are encoded together: DEL, which JSON does not escape.
_BETWEEN: Final = "\x7f"

#: A word of each of some devices, for each column that a message asks for.
Columns = Sequence[Sequence[str]]


class Said(NamedTuple):
    """What decides of the texts of some devices, in their order.

    `languages` are those that their locales choose; none are given where all get the default
    one. The words of their users stand in a list for each column.
    """

    size: int
    languages: Sequence[str] = ()
    words: Columns = ()

    def only(self, places: Sequence[int]) -> "Said":
        """Return what is said to those at some places."""
        if len(places) == self.size:
            return self
        languages = [self.languages[n] for n in places] if self.languages else ()
        return Said(len(places), languages, [[word[n] for n in places] for word in self.words])


class ToAll(NamedTuple):
    """What decides of the texts of a batch's devices, by device key: see `Said`.

    Those that no user is known of have no words.
    """

    languages: Mapping[int, str] = MappingProxyType({})
    words: Sequence[Mapping[int, str]] = ()

    def to(self, keys: Sequence[int]) -> Said:
        """Return what is said to some of them."""
        languages = [*map(self.languages.get, keys, repeat(DEFAULT))] if self.languages else ()
        return Said(
            len(keys), languages, [[*map(column.get, keys, repeat(""))] for column in self.words]
        )


class Marks:
    """Marks in the place of a user's columns, new ones for each message and process.

    The badge of a device has one as well: a number, since its place is one. Its word comes after
    those of the columns.
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self.columns = tuple(columns)
        self._secret = secrets.token_hex(_MARK_BYTES)
        self.badge = 10**_BADGE_DIGITS + secrets.randbelow(10**_BADGE_DIGITS)

    @property
    def words(self) -> dict[str, str]:
        """The mark of each column."""
        return {
            column: f"{self._secret}{number:0{_NUMBER_DIGITS}x}"
            for number, column in enumerate(self.columns)
        }

    def splice(
        self, body: bytes, platform: Platform, size: tuple[int, int], needed: Collection[str]
    ) -> "Splice":
        """Cut a body at its marks.

        `size` is what the provider counts of it with them, and its limit; of the columns that
        are `needed` one must have words.
        """
        pattern = f"{self._secret}([0-9a-f]{{{_NUMBER_DIGITS}}})|{self.badge}"
        pieces: list[bytes] = []
        places: list[int] = []
        at, room = 0, size[1] - size[0]
        for mark in re.finditer(pattern.encode(), body):
            pieces.append(body[at : mark.start()])
            places.append(len(self.columns) if mark[1] is None else int(mark[1], 16))
            at, room = mark.end(), room + len(mark[0])
        one_of = [number for number, column in enumerate(self.columns) if column in needed]
        pieces.append(body[at:])
        return Splice(pieces, places, room, platform is Platform.ANDROID, one_of)


@dataclass(frozen=True, slots=True)
class Splice:
    """A rendered body in pieces. `room` is how many bytes the words of one device may take.

    Apple counts the bytes of the document, where a quote takes two; Firebase those of the
    texts themselves, where it takes one. Of the words in `one_of` one must not be blank.
    """

    pieces: list[bytes]
    places: list[int]
    room: int
    counts_texts: bool
    one_of: list[int]

    def bodies(self, size: int, words: Columns) -> "Bodies":
        """Return the bodies with the words of so many devices, and who is not sent to."""
        if not self.places:
            return Bodies(self.pieces[:1] * size, {})
        encoded = [_encoded(column) for column in words]
        refused = {} if self._suits_all(encoded, words) else self._refused(encoded, words)
        if refused:
            fit = [n for n in range(size) if n not in refused]
            encoded = [[column[n] for n in fit] for column in encoded]
        parts: list[Iterable[bytes]] = [repeat(self.pieces[0])]
        for place, piece in zip(self.places, self.pieces[1:], strict=True):
            parts += [encoded[place], repeat(piece)]
        return Bodies([*map(b"".join, zip(*parts, strict=False))], refused)

    def _suits_all(self, encoded: Sequence[Sequence[bytes]], words: Columns) -> bool:
        """Tell of all devices at once, as far as that can be seen, that they may be sent to."""
        longest = [max(map(len, column), default=0) for column in encoded]  # in no count is more
        all_fit = sum([longest[place] for place in self.places]) <= self.room
        return all_fit and (
            not self.one_of or any(all(map(str.strip, words[number])) for number in self.one_of)
        )

    def _refused(self, encoded: Sequence[Sequence[bytes]], words: Columns) -> dict[int, Verdict]:
        """Return why devices are not sent to, by position."""
        counted = [[*map(str.encode, column)] for column in words] if self.counts_texts else encoded
        refused = {}
        for n in range(len(encoded[0])):
            if self.one_of and not any(words[number][n].strip() for number in self.one_of):
                refused[n] = EMPTY
            elif sum([len(counted[place][n]) for place in self.places]) > self.room:
                refused[n] = TOO_LARGE
        return refused


def _encoded(words: Sequence[str]) -> list[bytes]:
    """Return words as they stand within a text of JSON."""
    together = _BETWEEN.join(words)
    encoded = orjson.dumps(together)[1:-1]
    if together.count(_BETWEEN) == len(words) - 1:  # nearly always
        return encoded.split(_BETWEEN.encode())
    return [orjson.dumps(word)[1:-1] for word in words]


class Bodies(NamedTuple):
    """The bodies of those that are sent to, in order, and why others are not, by position."""

    made: list[bytes]
    refused: dict[int, Verdict]


class Prepared(NamedTuple):
    """A notification for a platform; by language its bodies, where not all devices get the same."""

    rendered: Rendered
    splices: Mapping[str, Splice] = MappingProxyType({})

    def bodies(self, said: Said) -> Bodies:
        """Return the bodies for devices, and who of them is not sent to."""
        languages = {*said.languages} or {DEFAULT}
        if len(languages) == 1:
            return self.splices[languages.pop()].bodies(said.size, said.words)
        made: dict[int, bytes] = {}
        refused: dict[int, Verdict] = {}
        for language in languages:
            places = [n for n, one in enumerate(said.languages) if one == language]
            some = self.splices[language].bodies(len(places), said.only(places).words)
            refused |= {places[n]: why for n, why in some.refused.items()}
            fit = [places[n] for n in range(len(places)) if n not in some.refused]
            made |= zip(fit, some.made, strict=True)
        return Bodies([made[n] for n in range(said.size) if n in made], refused)


def send_each_its_own(
    sender: Sender,
    prepared: Prepared,
    targets: Targets,
    ids: Sequence[str],
    said: Said,
    on_pause: OnPause | None = None,
) -> Verdicts:
    """Send to each target its own words, and return one verdict each.

    A device for whom the notification is too large or empty is refused here; the others are sent
    to.
    """
    bodies, refused = prepared.bodies(said)
    if not refused:  # nearly always
        return sender.send(prepared.rendered, targets, ids, bodies, on_pause)
    fit = [n for n in range(said.size) if n not in refused]
    to, theirs = targets.only(fit), [ids[n] for n in fit]
    sent = sender.send(prepared.rendered, to, theirs, bodies, on_pause)
    return Verdicts(said.size, refused).put(fit, sent)


def words_of(values: Mapping[int, Any]) -> Mapping[int, str]:
    """Return the words that a column's values are, by device key.

    None is empty, and what is no text is written as JSON.
    """
    if {*map(type, values.values())} <= {str}:  # nearly always
        return values
    return {key: _text(value) for key, value in values.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else compact_json(value).decode()

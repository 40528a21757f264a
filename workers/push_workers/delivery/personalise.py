"""A user's own words, put into a notification that was rendered once for all of a language.

The places are rendered as marks that occur nowhere else, and the rendered bytes are cut at them.
What differs between two devices is then a few bytes between pieces that are encoded already.
"""

import re
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from push_pipeline.content import compact_json
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

#: The column that is the user's id.
_ID_COLUMN: Final = "objectId"

Words = tuple[str, ...]


class Said(NamedTuple):
    """What decides of a device's text: the language that its locale chooses, its user's words."""

    language: str
    words: Words


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
    form: bytes = field(init=False)  # the pieces, with a place between each two

    def __post_init__(self) -> None:
        pieces = [piece.replace(b"%", b"%%") for piece in self.pieces]
        object.__setattr__(self, "form", b"%b".join(pieces))

    def body(self, words: Words) -> bytes | Verdict:
        """Return the body with a device's words, or why it is not sent to."""
        if not self.places:
            return self.pieces[0]
        if self.one_of and not any(words[number].strip() for number in self.one_of):
            return EMPTY
        encoded = [orjson.dumps(word)[1:-1] for word in words]
        counted = [word.encode() for word in words] if self.counts_texts else encoded
        if sum([len(counted[place]) for place in self.places]) > self.room:
            return TOO_LARGE
        return self.form % tuple([encoded[place] for place in self.places])


class Prepared(NamedTuple):
    """A notification for a platform; by language its bodies, where not all devices get the same."""

    rendered: Rendered
    splices: Mapping[str, Splice] = MappingProxyType({})

    def bodies(self, said: Sequence[Said]) -> list[bytes | Verdict]:
        """Return the body for each device, or why it is not sent to."""
        made = {one: self.splices[one.language].body(one.words) for one in {*said}}
        return [made[one] for one in said]


def send_each_its_own(
    sender: Sender,
    prepared: Prepared,
    targets: Targets,
    ids: Sequence[str],
    said: Sequence[Said],
    on_pause: OnPause | None = None,
) -> Verdicts:
    """Send to each target its own words, and return one verdict each.

    A device for whom the notification is too large or empty is refused here; the others are sent
    to.
    """
    made = prepared.bodies(said)
    bodies = [body for body in made if isinstance(body, bytes)]
    if len(bodies) == len(made):  # nearly always
        return sender.send(prepared.rendered, targets, ids, bodies, on_pause)
    refused = {n: body for n, body in enumerate(made) if isinstance(body, Verdict)}
    fit = [n for n in range(len(made)) if n not in refused]
    to, theirs = targets.only(fit), [ids[n] for n in fit]
    sent = sender.send(prepared.rendered, to, theirs, bodies, on_pause)
    return Verdicts(len(made), refused).put(fit, sent)


def words_of(columns: Sequence[str], user: tuple[str, Mapping[str, Any]] | None) -> Words:
    """Return the words of a user (id, properties) for some columns.

    A column that the user does not have, or that is null, is empty; so is every one of a device
    without a user. What is no text is written as JSON.
    """
    if user is None:
        return ("",) * len(columns)
    user_id, properties = user
    return tuple(
        user_id if column == _ID_COLUMN else _text(_find(properties, column)) for column in columns
    )


def _find(properties: Mapping[str, Any], column: str) -> Any:
    value: Any = properties
    for name in column.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else compact_json(value).decode()

"""Names that nearly are those of options: ignored, a push would reach more people, or too soon."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase
from typing import Final

from push_pipeline.errors import InvalidParameter

#: What narrows or delays a push.
_NAMES: Final = (
    *("pushSinglecast", "pushBroadcast", "pushUsers", "segmentQuery", "publishPolicy"),
    *("pushPolicy", "publishAt", "publishAtLocal", "repeatEvery", "repeatExpiresAt", "ttl"),
)

#: What callers say for them, without the case, separators and the plural.
_SHORT: Final = {
    "singlecast": "pushSinglecast",
    "broadcast": "pushBroadcast",
    "user": "pushUsers",
    "segment": "segmentQuery",
    "query": "segmentQuery",
}

#: Objects that callers put options into, in the same form; the API's body is flat.
_NESTS: Final = frozenset(("option", "deliveryoption", "publishoption", "pushoption"))

_SEPARATORS: Final = re.compile(r"[-_\s]")

#: Of the letters that names have; one of another script stays one letter.
_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)

#: Letters. One edit makes another word of a shorter name.
_LONG: Final = 8

#: Characters of a name that is looked at, and of one that an error repeats.
_SHOWN: Final = 40


def refuse_near_misses(body: Mapping[str, object], known: Mapping[str, str]) -> None:
    """Check the names of a flat body, and of an object of options in it.

    Other unknown names are let through: SDKs and hosts send some.

    Args:
        body: a request's body.
        known: the names of options that are read, so that they are right at the top.

    Raises:
        InvalidParameter: a name is nearly one that narrows or delays a push; the text says which.
    """
    for name in body:
        right = None if name in known else _meant(name)
        if right is not None:
            raise InvalidParameter(f"there is no option {name[:_SHOWN]!r}, did you mean {right}?")
    for nest, name in _nested(body):
        right = name if name in known else _meant(name)
        if right is not None:
            raise InvalidParameter(f"{nest}.{name} is not read: write {right} beside the message")


def _nested(body: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in body.items():
        if isinstance(value, Mapping) and _plain(name) in _NESTS:
            yield from ((name, inner) for inner in value)


def _folded(name: str) -> str:
    return _SEPARATORS.sub("", name[:_SHOWN]).translate(_LOWER)


def _plain(name: str) -> str:
    return _folded(name).removesuffix("s")


_MEANT: Final = {_plain(name): name for name in _NAMES} | _SHORT
_LONG_NAMES: Final = tuple(name for name in (*_NAMES, *_SHORT) if len(name) >= _LONG)


@lru_cache(maxsize=1024)
def _meant(name: str) -> str | None:
    """Return the name of the option that is meant; None where it is none."""
    if (right := _MEANT.get(_plain(name))) is not None:
        return right
    folded = _folded(name)
    long = (one for one in _LONG_NAMES if -1 <= len(folded) - len(one) <= 1)
    found = next((one for one in long if _near(folded, one.lower())), None)
    return _SHORT.get(found, found) if found else None


def _near(one: str, other: str) -> bool:
    """Whether one letter more, less or other, or two changed over, makes one of the other."""
    letters = enumerate(zip(one, other, strict=False))
    at = next((n for n, (mine, theirs) in letters if mine != theirs), min(len(one), len(other)))
    mine, theirs = one[at:], other[at:]
    changed = mine[1::-1] + mine[2:]
    return theirs in (mine[1:], changed) or theirs[1:] in (mine, mine[1:])

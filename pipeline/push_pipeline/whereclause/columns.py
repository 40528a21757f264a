"""The columns that a clause may name, by what their values are."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from push_pipeline.options.channel import normal_name
from push_pipeline.whereclause.literals import Literal


class Kind(StrEnum):
    """What the values of a column are."""

    TEXT = "text"
    MOMENT = "moment"  # epoch milliseconds
    PROPERTY = "property"  # any JSON value


_TEXTS: Final = (
    "objectId",
    "deviceId",
    "deviceToken",
    "os",
    "osVersion",
    "channelName",
    "ownerId",
    "locale",
    "user.objectId",
)
_MOMENTS: Final = ("expiration", "created", "updated")

#: What a property belongs to: the user that the device is linked to, or the device.
OWNERS: Final = ("user", "properties")

#: For an error's text.
KNOWN: Final = (
    *(name for name in _TEXTS if "." not in name),
    *_MOMENTS,
    *(f"{owner}.<name>" for owner in OWNERS),
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name; for a property also the path below its owner."""

    name: str
    kind: Kind
    path: tuple[str, ...] = ()

    def read(self, value: Literal) -> Literal:
        """Return a value as this column is compared with it."""
        return value if value.text is None else replace(value, text=self.spelling(value.text))

    def spelling(self, text: str) -> str:
        """Return a text as the column has it: systems in capitals, channels in normal form."""
        if self.name == "os":
            return text.upper()
        return normal_name(text) if self.name == "channelName" else text


def find_column(name: str) -> Column | None:
    """Return the column of a name, None where there is none. Names are exact in their case."""
    if name in _TEXTS:
        return Column(name, Kind.TEXT)
    if name in _MOMENTS:
        return Column(name, Kind.MOMENT)
    owner, *path = name.split(".")
    return Column(owner, Kind.PROPERTY, tuple(path)) if owner in OWNERS and path else None

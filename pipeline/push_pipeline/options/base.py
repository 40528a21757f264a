"""What both kinds of options share: the spellings of a name, and JSON for storage."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, Self

from pydantic import AliasGenerator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from push_pipeline.errors import InvalidParameter


class Options(BaseModel):
    """Frozen options. Each field has its Python name, its name on the wire and maybe older ones.

    Null means not set. Values are read in the order of the fields, so that of two wrong ones it
    is always the same that is named. The readers raise the API's typed errors, which pydantic
    lets through: they are no `ValueError`.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=AliasGenerator(serialization_alias=to_camel),
    )

    #: Names that a field had before, or has elsewhere; the field's own names win over them.
    older_names: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init__(self, **values: Any) -> None:
        """Read options from keywords.

        Raises:
            RequestError: a value is wrong (a typed error), or a name is unknown.
        """
        spellings = self.spellings()
        for name in values:
            if name not in spellings:
                raise InvalidParameter(_unknown(name, spellings))
        super().__init__(**_by_field(values, spellings))

    @classmethod
    def of(cls, value: object) -> Self:
        """Return options as they are, read from a mapping, or the default ones for None.

        Raises:
            RequestError: as the constructor, or `value` is something else.
        """
        if isinstance(value, cls):
            return value
        if value is None:
            return cls()
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            raise InvalidParameter(f"{cls.__name__} must be given as such or as an object")
        return cls(**value)

    @classmethod
    def from_wire(cls, body: Mapping[str, object]) -> Self:
        """Read options out of a flat request body; what is not theirs is left alone.

        Raises:
            RequestError: a value is wrong (a typed error).
        """
        spellings = cls.spellings()
        said = {name: value for name, value in body.items() if name in spellings}
        return cls(**said) if said else cls._nothing_said()

    @classmethod
    @cache  # frozen, so that all who say nothing share them
    def _nothing_said(cls) -> Self:
        return cls()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object with the names of the wire, for storage."""
        return self.model_dump(by_alias=True, exclude_none=True)

    def said(self) -> dict[str, Any]:
        """Return a JSON object of what was said: what has its default value is not in it."""
        return self.model_dump(by_alias=True, exclude_defaults=True)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the options that `to_json` wrote."""
        return cls(**stored)

    @classmethod
    @cache  # once for each class: half of what reading options out of a body cost
    def spellings(cls) -> Mapping[str, str]:
        """Return the field of each name, the names of one field in the order of preference."""
        return MappingProxyType(
            {
                name: field
                for field in cls.model_fields
                for name in (field, to_camel(field), *cls.older_names.get(field, ()))
            }
        )


def _by_field(values: Mapping[str, object], spellings: Mapping[str, str]) -> dict[str, object]:
    chosen: dict[str, object] = {}
    for name, field in spellings.items():
        value = values.get(name)
        if value is not None:
            chosen.setdefault(field, value)
    return chosen


def _unknown(name: str, spellings: Mapping[str, str]) -> str:
    nearest = get_close_matches(name, spellings, n=1)
    hint = f", did you mean {nearest[0]}?" if nearest else ""
    return f"there is no option {name[:40]!r}{hint}"

"""A warning: what was dropped or changed of what a caller said, and why."""

from typing import Final, NamedTuple

#: Why a header with the name of a key of ours is not used.
WRITTEN_BY_US: Final = "the pipeline writes it itself"


class FieldWarning(NamedTuple):
    """One thing that was said and has no effect, or another one.

    `field` is its name as the caller wrote it; texts and values of headers are never told.
    """

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"

"""The requests of one call, as parallel sequences instead of an object each."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Self


@dataclass(frozen=True, slots=True)
class Column:
    """Values of requests that begin alike: what all begin with, and the rest of each."""

    start: bytes
    rests: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Requests:
    """Paths, their bodies and ids: request `i` is `paths[i]`, `bodies[i]`, `ids[i]`.

    `bodies` may be one body for all. `ids` is None where requests carry no id of their own.
    `starts` are what every path and every id begins with, before what stands here of it.

    Raises:
        ValueError: the sequences differ in length.
    """

    paths: Sequence[bytes]
    bodies: Sequence[bytes] | bytes
    ids: Sequence[bytes] | None = None
    starts: tuple[bytes, bytes] = (b"", b"")
    #: Lengths of path, body and id, where those of path and id are the same in all; of bodies that
    #: differ it is the longest's.
    shape: tuple[int, int, int] | None = field(init=False)
    #: The length of the shortest body.
    shortest: int = field(init=False)

    def __post_init__(self) -> None:
        for other in (self.bodies, self.ids):
            if other is None or isinstance(other, bytes):
                continue
            if len(other) != len(self.paths):
                raise ValueError(f"{len(self.paths)} paths, but {len(other)} bodies or ids")
        paths, bodies, ids = (
            {len(column)} if isinstance(column, bytes) else {*map(len, column)}
            for column in (self.paths, self.bodies, self.ids or b"")
        )
        alike = len(paths) == len(ids) == 1
        shape = (paths.pop(), max(bodies), ids.pop()) if alike else None
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "shortest", min(bodies, default=0))

    @classmethod
    def of(
        cls,
        paths: Column | Sequence[bytes],
        bodies: Sequence[bytes] | bytes,
        ids: Column | Sequence[bytes] | None,
    ) -> Self:
        """Take paths and ids as columns, or as they are."""
        path_start, each_path = _parted(paths)
        id_start, each_id = (b"", None) if ids is None else _parted(ids)
        return cls(each_path, bodies, each_id, (path_start, id_start))

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def are_alike(self) -> bool:
        """All are of one shape, their bodies too."""
        return self.shape is not None and self.shape[1] == self.shortest

    def body_sizes(self, indexes: Sequence[int]) -> list[int]:
        """Lengths of the bodies of some requests."""
        if isinstance(self.bodies, bytes):
            return [len(self.bodies)] * len(indexes)
        return [*map(len, _pick(self.bodies, indexes))]

    def columns(
        self, indexes: Sequence[int]
    ) -> tuple[Sequence[bytes], Iterable[bytes], Iterable[bytes]]:
        """Paths, bodies and ids of some requests; what all have in common has no end."""
        bodies: Iterable[bytes] = (
            repeat(self.bodies) if isinstance(self.bodies, bytes) else _pick(self.bodies, indexes)
        )
        ids = repeat(b"") if self.ids is None else _pick(self.ids, indexes)
        return _pick(self.paths, indexes), bodies, ids

    def select(self, indexes: Sequence[int]) -> Iterator[tuple[bytes, bytes, bytes]]:
        """Path, body and id of some requests."""
        return zip(*self.columns(indexes), strict=False)


def _parted(values: Column | Sequence[bytes]) -> tuple[bytes, Sequence[bytes]]:
    return (values.start, values.rests) if isinstance(values, Column) else (b"", values)


def _pick(values: Sequence[bytes], indexes: Sequence[int]) -> Sequence[bytes]:
    if isinstance(indexes, range):  # the usual case, and a copy instead of a loop
        return values[indexes.start : indexes.stop]
    return [values[index] for index in indexes]

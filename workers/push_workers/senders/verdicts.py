"""A slice's verdicts as one value: nearly all devices are accepted, so the others are named."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from types import MappingProxyType
from typing import Final, Generic, Self, TypeVar, overload

from push_pipeline.outcome import Outcome, Verdict

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)

#: What the provider calls notifications, where it calls them anything.
Names = Sequence[str | None]

_NOBODY: Final[Mapping[int, Verdict]] = MappingProxyType({})


class Made(Sequence[Value_co], Generic[Value_co]):
    """A sequence that is made when somebody first asks for a value of it."""

    def __init__(self, size: int, make: Callable[[], Sequence[Value_co]]) -> None:
        self._size = size
        self._make = make
        self._made: Sequence[Value_co] | None = None

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, at: int) -> Value_co: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Value_co]: ...

    def __getitem__(self, at: int | slice) -> Value_co | Sequence[Value_co]:
        return self._all()[at]

    def __iter__(self) -> Iterator[Value_co]:
        return iter(self._all())

    def _all(self) -> Sequence[Value_co]:
        if self._made is None:
            self._made = self._make()
        return self._made


class Verdicts(Sequence[Verdict]):
    """One verdict for each device, of which all were accepted but the `others`, by position.

    Nothing is kept of a device that was accepted. `names`, where the provider has them, are one
    for each position, and may be made when somebody asks for one.
    """

    __slots__ = ("_size", "names", "others")

    def __init__(
        self, size: int, others: Mapping[int, Verdict] = _NOBODY, names: Names | None = None
    ) -> None:
        self._size = size
        self.others = others
        self.names = names

    def __repr__(self) -> str:
        return f"Verdicts({self._size}, {dict(self.others)!r})"

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Self:
        """Take verdicts that were found one by one."""
        found = list(verdicts)
        others = {n: one for n, one in enumerate(found) if one.outcome is not Outcome.ACCEPTED}
        return cls(len(found), others, [one.provider_id for one in found])

    @classmethod
    def alike(cls, size: int, verdict: Verdict) -> Self:
        """Judge all alike: none of them was accepted."""
        return cls(size, dict.fromkeys(range(size), verdict))

    @property
    def accepted(self) -> int:
        """How many were accepted."""
        return self._size - len(self.others)

    def of_accepted(self, values: Sequence[Value]) -> Sequence[Value]:
        """Return those of the devices' values, one for each position, that accepted ones have."""
        if not self.others:
            return values
        return [value for n, value in enumerate(values) if n not in self.others]

    def names_of_accepted(self) -> Iterable[str | None]:
        """Return what the provider calls the notifications that it accepted."""
        return repeat(None, self.accepted) if self.names is None else self.of_accepted(self.names)

    def judged_anew(self, judge: Callable[[Verdict], Verdict]) -> "Verdicts":
        """Return these with another look at those that were not accepted."""
        others = {n: judge(one) for n, one in self.others.items()}
        return Verdicts(self._size, others, self.names)

    def put(self, positions: Sequence[int], part: "Verdicts") -> "Verdicts":
        """Return these, but at some positions, in rising order, those of a part."""
        if len(positions) == self._size:
            return part
        replaced = frozenset(positions)
        others = {n: one for n, one in self.others.items() if n not in replaced}
        others |= {positions[n]: one for n, one in part.others.items()}

        def names() -> list[str | None]:
            whole = list(self.names or repeat(None, self._size))
            for n, name in zip(positions, part.names or repeat(None), strict=False):
                whole[n] = name
            return whole

        return Verdicts(self._size, dict(sorted(others.items())), Made(self._size, names))

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, at: int) -> Verdict: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Verdict]: ...

    def __getitem__(self, at: int | slice) -> Verdict | Sequence[Verdict]:
        if isinstance(at, slice):
            return [self[n] for n in range(self._size)[at]]
        n = range(self._size)[at]
        name = None if self.names is None else self.names[n]
        return self.others.get(n) or Verdict(Outcome.ACCEPTED, None, name)

"""Counters and times of this process, and their sum over all processes that share a folder.

A process counts nothing before it says `share` (our workers and gateways) or `keep` (a gateway
inside another program). In a host's process, which only publishes, the client library is not
even imported, and the host's own metrics and registry are left alone.
"""

import logging
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from push_pipeline.metrics.slots import Slots, is_readable

logger = logging.getLogger(__name__)

#: Where the client library looks for the folder.
_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"

_lock = threading.Lock()
_declared: list["Metric"] = []
_registry: Any = None
_folder: Path | None = None


class Metric:
    """A metric by its name and labels; what it counts is made when counting begins.

    `known` are labels that are certain to come. They begin at zero: the first event of a series
    that was not there before is no increase to who computes rates.
    """

    def __init__(
        self,
        name: str,
        meaning: str,
        labels: Sequence[str] = (),
        known: Iterable[tuple[str, ...]] = (),
    ) -> None:
        self.name = name
        self.meaning = meaning
        self.labels = tuple(labels)
        self.known = tuple(known)
        self._made: tuple[Any, Any, dict[tuple[str, ...], Any]] = (None, None, {})
        _declared.append(self)

    def begin(self) -> None:
        """Show zero for every series that is known."""
        for values in self.known or ([()] if not self.labels else []):
            self._series(*values)

    def add(self, amount: float = 1, *values: str) -> None:
        """Add to the series of some labels; nothing where this process does not count."""
        if _registry is None:
            return
        try:
            self._note(self._series(*values), amount)
        except OSError as error:  # never an error of who did what was to be counted
            logger.warning("not counted: %s", error.strerror, extra={"action": "not_counted"})

    def _series(self, *values: str) -> Any:
        if self._made[0] is not _registry:
            with _lock:
                if self._made[0] is not _registry:
                    self._made = (_registry, self._make(_registry), {})
        _, made, known = self._made
        if not values:
            return made
        if values not in known:  # the client library looks for it under a lock
            known[values] = made.labels(*values)
        return known[values]

    def _make(self, registry: Any) -> Any:
        raise NotImplementedError

    def _note(self, series: Any, amount: float) -> None:
        raise NotImplementedError


class Count(Metric):
    """A number that only grows."""

    def _make(self, registry: Any) -> Any:
        from prometheus_client import Counter  # noqa: PLC0415 - a host never needs it

        return Counter(self.name, self.meaning, self.labels, registry=registry)

    def _note(self, series: Any, amount: float) -> None:
        series.inc(amount)


class Times(Metric):
    """How long something took: `add(seconds)` counts it in a bucket."""

    def __init__(self, name: str, meaning: str, buckets: Sequence[float], **labels: Any) -> None:
        super().__init__(name, meaning, **labels)
        self.buckets = tuple(buckets)

    def _make(self, registry: Any) -> Any:
        from prometheus_client import Histogram  # noqa: PLC0415 - a host never needs it

        return Histogram(
            self.name, self.meaning, self.labels, registry=registry, buckets=self.buckets
        )

    def _note(self, series: Any, amount: float) -> None:
        series.observe(amount)


def share(folder: Path, group: str) -> None:
    """Count from now on in files of a folder, those of a group side by side.

    What is forked from this process has files of its own there.

    Raises:
        OSError: the folder cannot be written in.
    """
    global _folder  # noqa: PLW0603 - one for the process
    from prometheus_client import values  # noqa: PLC0415 - a host never needs it

    own = folder / group
    slots = Slots(own)
    os.environ[_VARIABLE] = str(own)
    values.ValueClass = values.MultiProcessValue(slots.number)  # type: ignore[no-untyped-call]
    _folder = folder
    _begin()


def keep() -> None:
    """Count from now on in memory, unless this process counts already."""
    if _registry is None:
        _begin()


def text() -> bytes:
    """Return all that is counted in the folder, or in this process where it shares none."""
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - as above

    registry = _registry if _folder is None else summed(_folder)
    return generate_latest(registry or CollectorRegistry())


def summed(folder: Path, groups: str = "*") -> Any:
    """Return a registry that adds up a folder's files, those of some groups only, when asked."""
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 - as above
    from prometheus_client.registry import Collector  # noqa: PLC0415

    class Files(Collector):
        def collect(self) -> Iterator[Any]:
            return _merged(folder.glob(f"{groups}/*.db"))

    registry = CollectorRegistry()
    registry.register(Files())
    return registry


def _begin() -> None:
    global _registry  # noqa: PLW0603 - one for the process
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 - a host never needs it

    _registry = CollectorRegistry()
    for one in _declared:
        one.begin()


def _merged(files: Iterable[Path]) -> Iterator[Any]:
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415 - as above

    readable = [str(path) for path in sorted(files) if is_readable(path)]
    merged: Iterator[Any] = iter(MultiProcessCollector.merge(readable, accumulate=True))  # type: ignore[no-untyped-call]
    return merged

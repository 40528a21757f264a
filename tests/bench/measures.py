"""The measures of the suite: which program each of them runs, how long, and what it finds.

A measure is a module of this folder that prints a document of JSON and can be run by itself. It
has a process of its own, so that none of them inherits another's memory, connections or core.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench import found
from tests.bench.figures import Figure


@dataclass(frozen=True, slots=True)
class Plan:
    """How thoroughly is measured."""

    rounds: int = 5
    delays: tuple[int, ...] = (0, 20, 50)
    quick: bool = False
    largest: int = 1_000_000  # devices of the largest installation

    @property
    def delay(self) -> str:
        """The delays, as the modules take them."""
        return ",".join(map(str, self.delays))


Words = Sequence[object]


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure. `words` are those of its module, and `read` makes rows of its document."""

    name: str
    module: str
    words: Callable[[Plan], Words]
    read: Callable[[Any], list[Figure]]
    in_quick: bool = True


def run(measure: Measure, plan: Plan) -> tuple[Any, float]:
    """Run a measure; its document, and the seconds it took.

    Raises:
        RuntimeError: it failed without a document.
    """
    words = [str(word) for word in measure.words(plan)]
    command = [sys.executable, "-m", f"tests.bench.{measure.module}", "--json", *words]
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, check=False
        )
        errors.seek(0)
        told = errors.read()
    if not done.stdout.strip():
        raise RuntimeError(f"{measure.name} failed:\n{told[-3000:]}")
    print(told, end="", file=sys.stderr)
    return document(done.stdout), time.perf_counter() - began


def document(printed: str) -> Any:
    """Read what a module printed: one document, or one on each line."""
    try:
        return json.loads(printed)
    except json.JSONDecodeError:
        return [json.loads(line) for line in printed.splitlines()]


def _bare(plan: Plan) -> Words:
    count, requests = (500, 20_000) if plan.quick else (5_000, 100_000)
    return (*_rounds(plan), "--delay", plan.delay, "--count", count, "--requests", requests)


def _tasks(plan: Plan) -> Words:
    devices, requests = (4_000, 20_000) if plan.quick else (20_000, 100_000)
    sizes = ("--devices", devices, "--requests", requests)
    return ("--tasks", *_rounds(plan), "--delay", plan.delay, *sizes)


def _whole(plan: Plan) -> Words:
    devices, late = (30_000, 10_000) if plan.quick else (1_000_000, 300_000)
    sizes = ("--devices", devices, "--late-devices", late)
    return (*_rounds(plan), "--delay", plan.delay, *sizes)


def _other_whole(*words: str) -> Callable[[Plan], Words]:
    """The whole pipeline in another way, at no delay."""

    def chosen(plan: Plan) -> Words:
        devices, rounds = (10_000, 1) if plan.quick else (200_000, plan.rounds)
        return (*words, "--rounds", rounds, "--devices", devices)

    return chosen


def _fanout(plan: Plan) -> Words:
    return ("--sizes", 50_000 if plan.quick else 1_000_000, *_rounds(plan))


def _growth(plan: Plan) -> Words:
    sizes = (5_000, 20_000) if plan.quick else (10_000, 50_000, plan.largest)
    return ("--sizes", ",".join(map(str, sizes)))


def _single(plan: Plan) -> Words:
    return ("--pushes", 20 if plan.quick else 60, *_rounds(plan))


def _gateway(plan: Plan) -> Words:
    return ("--seconds", 1 if plan.quick else 6, *_rounds(plan))


def _rounds(plan: Plan) -> Words:
    return ("--rounds", plan.rounds)


MEASURES = (
    Measure("bare", "peers", _bare, found.bare),
    Measure("tasks", "pipeline", _tasks, found.tasks),
    Measure(
        "pipeline",
        "pipeline",
        _whole,
        lambda runs: [*found.whole("whole pipeline", runs, "wall ≥ 0.6"), *found.processes(runs)],
    ),
    Measure(
        "words",
        "pipeline",
        _other_whole("--words"),
        lambda runs: found.whole("with words for each device", runs, "wall ≥ 0.25"),
    ),
    Measure(
        "sqlite",
        "pipeline",
        _other_whole("--sqlite"),
        lambda runs: found.whole("on SQLite", runs, "wall ≥ 0.25"),
    ),
    Measure("fanout", "fanout", _fanout, found.fanout),
    Measure("growth", "growth", _growth, found.growth),
    Measure("single", "single", _single, found.single),
    Measure("gateway", "gateway", _gateway, found.gateway),
    Measure("webpush", "webpush", _rounds, found.webpush),
    Measure(
        "fairness",
        "fairness",
        lambda _: ("--messages", 1000, "--devices", 100_000, "--pushes", 100),
        found.fairness,
        in_quick=False,
    ),
)


def figures(documents: Mapping[str, Any]) -> list[Figure]:
    """Return the rows of all measures that were run, and of those that need two."""
    rows = {one.name: one.read(documents[one.name]) for one in MEASURES if one.name in documents}
    if {"pipeline", "bare"} <= documents.keys():
        rows["pipeline"] += found.beside_peers(documents["pipeline"], documents["bare"])
    return [figure for some in rows.values() for figure in some]

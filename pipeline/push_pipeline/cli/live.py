"""Watching a message: progress bars by platform on a terminal, plain lines elsewhere."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from push_pipeline import api
from push_pipeline.cli.ledger_view import draw
from push_pipeline.cli.output import console, note
from push_pipeline.cli.stall import Stall
from push_pipeline.ledger.views import Counts, Ledger
from push_pipeline.outcome import Settled

#: Seconds between two looks at the ledger: often enough to seem live, a few rows each.
POLL_SECONDS = 0.25

#: Looks between two plain lines, where there is no terminal.
_LOOKS_PER_LINE = 4


def watch(message_id: str, *, quiet: bool = False) -> int:
    """Follow a message until its runs are closed or stopped, then show its ledger.

    Returns the exit code: 1 where it failed or was stopped.
    """
    ledger = _follow(message_id, quiet=quiet)
    if not quiet:
        console.print(draw(ledger))
    return int(ledger["status"] == "failed" or _is_stopped(ledger))


def _follow(message_id: str, *, quiet: bool) -> Ledger:
    if quiet:
        return _last(states(message_id))
    return _with_bars(message_id) if console.is_terminal else _last(_said(states(message_id)))


def states(message_id: str) -> Iterator[Ledger]:
    """Yield the ledger again and again; the last one is closed or stopped."""
    pause, stall = threading.Event(), Stall()
    while True:
        ledger = api.status(message_id)
        yield ledger
        if is_over(ledger):
            return
        stall.see(ledger)
        pause.wait(POLL_SECONDS)


def is_over(ledger: Ledger) -> bool:
    """Tell whether nothing will change any more unless somebody acts."""
    return ledger["status"] != "scheduled" or _is_stopped(ledger)


def _is_stopped(ledger: Ledger) -> bool:
    return any(
        run["state"] == "paused" or 0 < run["inFlight"] == run["stopped"] for run in ledger["runs"]
    )


def _last(ledgers: Iterator[Ledger]) -> Ledger:
    *_, last = ledgers
    return last


def _with_bars(message_id: str) -> Ledger:
    progress = Progress(
        TextColumn("{task.description:<8}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
        console=console,
    )
    with Live(progress, console=console, refresh_per_second=8):
        return _last(_drawn(states(message_id), progress))


def _drawn(ledgers: Iterator[Ledger], progress: Progress) -> Iterator[Ledger]:
    tasks: dict[str, TaskID] = {}
    for ledger in ledgers:
        for platform, counts in _by_platform(ledger).items():
            if platform not in tasks:
                tasks[platform] = progress.add_task(platform, words="")
            progress.update(
                tasks[platform],
                total=counts["audience"],
                completed=counts["audience"] - counts["inFlight"],
                words=_words(counts),
            )
        yield ledger


def _said(ledgers: Iterator[Ledger]) -> Iterator[Ledger]:
    said = ""
    for look, ledger in enumerate(ledgers):
        line = "; ".join(
            f"{platform} {counts['audience'] - counts['inFlight']:,} of {counts['audience']:,}:"
            f" {_words(counts)}"
            for platform, counts in _by_platform(ledger).items()
        )
        if line != said and (look % _LOOKS_PER_LINE == 0 or is_over(ledger)):
            note(line)
            said = line
        yield ledger


def _by_platform(ledger: Ledger) -> Mapping[str, Counts]:
    """Return the counts of the run that is sent now, or was sent last."""
    begun = [run for run in ledger["runs"] if run["startedAt"]]
    return begun[-1]["byPlatform"] if begun else {}


def _words(counts: Mapping[str, Any]) -> str:
    named = [f"{counts[name]:,} {name}" for name in Settled if counts[name]]
    return ", ".join(named) or "waiting"

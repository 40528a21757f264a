"""A message's ledger as a table: one for each run, by platform, with the reasons below; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from push_pipeline.cli.output import listed
from push_pipeline.ledger.views import PARTS, BroadcastLedger, Ledger, RunLedger

#: The columns, by the names of the ledger's JSON, which add up to the audience; then `resent`.
COLUMNS = ("audience", *PARTS)

_TITLES = {"inFlight": "in flight"}

#: Reasons that are listed; a provider has a few dozen.
_REASONS_SHOWN = 20


def draw(ledger: Ledger) -> RenderableType:
    """Return a message's ledger for the terminal."""
    return Group(*_parts(ledger))


def _parts(ledger: Ledger) -> Iterator[RenderableType]:
    yield Text.assemble((ledger["messageId"], "bold"), "  ", ledger["status"])
    if ledger["errorMessage"]:
        yield Text(ledger["errorMessage"], style="red")
    if ledger["resendOf"]:
        yield Text(f"sends {ledger['resendOf']} again, to devices without an answer")
    if ledger["resendable"]:
        yield Text(
            f"{ledger['resendable']:,} could be sent again: push-pipeline resend ID --unknown"
        )
    if ledger["resentAs"]:
        yield Text(f"sent again as {', '.join(ledger['resentAs'])}")
    for run in ledger["runs"]:
        yield Text(_heading(run), style="dim")
        yield from _became(run)


def _became(run: RunLedger) -> Iterator[RenderableType]:
    if run["broadcast"] is not None:
        yield Text(_broadcast(run["broadcast"]))
        return
    yield _counts(run)
    if run["byReason"]:
        yield _reasons(run["byReason"])
    if run["notFound"]:
        yield Text(f"not found: {listed(run['notFound'], run['notFoundCount'])}")


def _heading(run: RunLedger) -> str:
    times = [("due", run["dueAt"]), ("started", run["startedAt"]), ("finished", run["finishedAt"])]
    said = ", ".join(f"{name} {at}" for name, at in times if at)
    zone = zone_words(run)
    return f"run {run['n']}{zone and f' ({zone})'}: {run['state']}; {said}{_pace(run)}"


def _broadcast(told: BroadcastLedger) -> str:
    ended = told["outcome"] or "waiting"
    why = f" ({told['reason']})" if told["reason"] else ""
    sent = f"{told['attempts']} sent" + (f", {told['resent']} again" if told["resent"] else "")
    return (
        f"one request to the broadcast channel {told['channel']} ({told['environment']}):"
        f" {ended}{why}; audience unknown; {sent}"
    )


def _pace(run: RunLedger) -> str:
    if not run["rate"]:
        return ""
    end = run["expectedEndAt"]
    return f"; {run['rate']:,.6g} a second{f', the last about {end}' if end else ''}"


def zone_words(run: Mapping[str, Any]) -> str:
    """Say whose clock a run goes by; nothing where it is everybody's run."""
    return f"{run['zone'] or ''}{' and others' if run['zoneDefault'] else ''}"


def _counts(run: RunLedger) -> Table:
    table = _table()
    table.add_column("")
    for name in (*COLUMNS, "resent"):
        table.add_column(_TITLES.get(name, name), justify="right", no_wrap=True)
    for platform, counts in run["byPlatform"].items():
        table.add_row(platform, *_cells(counts))
    table.add_row("total", *_cells(run), style="bold")
    return table


def _cells(counts: Mapping[str, Any]) -> Iterator[str]:
    return (f"{counts[name]:,}" for name in (*COLUMNS, "resent"))


def _reasons(reasons: Mapping[str, int]) -> Table:
    table = _table()
    table.add_column("reason")
    table.add_column("devices", justify="right")
    for reason, count in list(reasons.items())[:_REASONS_SHOWN]:
        table.add_row(reason, f"{count:,}")
    return table


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))

"""The runs that have not begun, as JSON and as a table; pure."""

from typing import Any

from rich.table import Table

from push_pipeline.cli.ledger_view import zone_words
from push_pipeline.clock import iso
from push_pipeline.ledger.due_runs import Upcoming


def as_row(run: Upcoming) -> dict[str, Any]:
    """Return a run by the names of its JSON."""
    return {
        "messageId": run.message_id,
        "channel": run.channel,
        "n": run.n,
        "dueAt": iso(run.due_at),
        "state": run.state,
        "zone": run.zone,
        "zoneDefault": run.zone_default,
        "repeatEvery": run.delivery_options.repeat_every_seconds,
        "repeatExpiresAt": iso(run.delivery_options.repeat_expires_at_ms),
    }


def draw(rows: list[dict[str, Any]]) -> Table:
    """Return rows for the terminal."""
    table = Table("due", "message", "channel", "run", "zone", "every", "until", "state", box=None)
    for row in rows:
        every = f"{row['repeatEvery']} s" if row["repeatEvery"] else ""
        table.add_row(
            str(row["dueAt"]), row["messageId"], row["channel"], str(row["n"]),
            zone_words(row), every, row["repeatExpiresAt"] or "", row["state"],
        )  # fmt: skip
    return table

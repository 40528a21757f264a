"""`schedule list`: what will fire when."""

from typing import Annotated, Any

import typer
from rich.table import Table

from push_pipeline import db
from push_pipeline.cli.intervention import App
from push_pipeline.cli.ledger_view import zone_words
from push_pipeline.cli.output import Json, console, print_json
from push_pipeline.clock import iso
from push_pipeline.ledger.due_runs import Upcoming, list_upcoming

group = typer.Typer(no_args_is_help=True, help="Delayed and repeating messages.")

#: Rows that are shown where nobody asks for more.
SHOWN = 50


@group.command("list")
def list_schedule(
    app: App = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most rows.")] = SHOWN,
    as_json: Json = False,
) -> None:
    """List the runs that have not begun, the next one first."""
    with db.reading() as connection:
        rows = [_row(one) for one in list_upcoming(connection, app, limit)]
    if as_json:
        print_json({"runs": rows})
    elif not rows:
        console.print("nothing is scheduled")
    else:
        console.print(_table(rows))


def _row(run: Upcoming) -> dict[str, Any]:
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


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table("due", "message", "channel", "run", "zone", "every", "until", "state", box=None)
    for row in rows:
        every = f"{row['repeatEvery']} s" if row["repeatEvery"] else ""
        table.add_row(
            str(row["dueAt"]), row["messageId"], row["channel"], str(row["n"]),
            zone_words(row), every, row["repeatExpiresAt"] or "", row["state"],
        )  # fmt: skip
    return table

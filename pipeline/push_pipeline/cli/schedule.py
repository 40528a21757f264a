"""`schedule list`: what will fire when."""

from typing import Annotated

import typer

from push_pipeline.cli.output import console, print_json
from push_pipeline.cli.parameters import App, Json

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
    from push_pipeline import db
    from push_pipeline.cli.schedule_view import as_row, draw
    from push_pipeline.ledger.due_runs import list_upcoming

    with db.reading() as connection:
        rows = [as_row(one) for one in list_upcoming(connection, app, limit)]
    if as_json:
        print_json({"runs": rows})
    elif not rows:
        console.print("nothing is scheduled")
    else:
        console.print(draw(rows))

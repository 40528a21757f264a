"""`status` and `export`: what became of a message."""

from typing import Annotated

import typer

from push_pipeline.cli.output import console, print_json, print_row
from push_pipeline.cli.parameters import Json, MessageId, Watch
from push_pipeline.errors import InvalidParameter, RequestError
from push_pipeline.ledger.views import Ledger
from push_pipeline.outcome import Settled


class UnknownMessage(RequestError):
    """No message has this id."""


def status(
    message_id: MessageId,
    watch: Watch = False,
    as_json: Json = False,
) -> None:
    """Show the ledger of a message: what became of its audience, run by run.

    audience = accepted + rejected + expired + cancelled + unknown + in flight, at every moment.
    """
    from push_pipeline.cli import live
    from push_pipeline.cli.ledger_view import draw

    ledger = _read(message_id)
    if watch:
        code = live.watch(message_id, quiet=as_json)
        if not as_json:
            raise typer.Exit(code)
        ledger = _read(message_id)
    if as_json:
        print_json(ledger)
    else:
        console.print(draw(ledger))


def export(
    message_id: MessageId,
    only: Annotated[
        str | None, typer.Option(metavar="OUTCOME", help=f"One of: {', '.join(Settled)}.")
    ] = None,
) -> None:
    """Print what became of each device as NDJSON. A device still in flight has no line yet.

    A push to a broadcast channel has one line: its audience is unknown.
    """
    from push_pipeline import db
    from push_pipeline.ledger import deliveries

    if only is not None and only not in list(Settled):
        raise InvalidParameter(f"{only!r} is no outcome: use {', '.join(Settled)}")
    for run in _read(message_id)["runs"]:
        told = run["broadcast"]
        if told is not None and only in (None, told["outcome"]):
            print_row({"run": run["n"], "broadcast": told})
    with db.reading() as connection:
        db.be_patient(connection)  # `… | less` may stand still for hours
        for row in deliveries.export(connection, message_id, only):
            print_row(row)


def _read(message_id: str) -> Ledger:
    from push_pipeline import status as read_status

    ledger = read_status(message_id)
    if ledger["status"] == "unknown":
        raise UnknownMessage(f"no message has the id {message_id!r}")
    return ledger

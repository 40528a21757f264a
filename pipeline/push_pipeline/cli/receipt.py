"""What is told of a message that was just published."""

from typing import Any

import typer

from push_pipeline.cli import live
from push_pipeline.cli.output import name_missing, note, print_json, say, warn
from push_pipeline.ledger.messages import Receipt


def tell(receipt: Receipt, *, watch: bool, as_json: bool) -> None:
    """Print the id of a message, or all that is known of it as JSON; maybe watch it to its end.

    Raises:
        typer.Exit: with 1 if nobody can get it, or with what watching it came to.
    """
    if as_json:
        print_json(_as_json(receipt))
    else:
        say(receipt.message_id)
    if receipt.replayed:
        note("it was published before under this key: nothing is sent again")
    warn(receipt.warnings)
    name_missing(receipt.not_found)
    if receipt.error_message is not None:
        note(f"nobody can get it: {receipt.error_message}")
        raise typer.Exit(1)
    if watch:
        raise typer.Exit(live.watch(receipt.message_id))


def _as_json(receipt: Receipt) -> dict[str, Any]:
    told: dict[str, Any] = {
        "messageId": receipt.message_id,
        "status": receipt.status,
        "errorMessage": receipt.error_message,
        **({"replayed": True} if receipt.replayed else {}),
    }
    lists = {
        "warnings": [one._asdict() for one in receipt.warnings],
        "notFound": list(receipt.not_found),
    }
    return told | {name: items for name, items in lists.items() if items}

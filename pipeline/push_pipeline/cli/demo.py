"""`demo`: an installation of its own, simulated phones and browsers, one message."""

from typing import Annotated

import typer


def demo(
    devices: Annotated[int, typer.Option(min=1, help="How many simulated devices.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same devices.")] = 1,
) -> None:
    """Start everything in var/demo, publish to simulated devices, and check the ledger.

    Nothing that is configured is used. Exits with 0 only if the ledger balances, everything is
    settled, and the simulated providers counted the same.
    """
    from push_pipeline.cli.demonstration import demonstrate

    raise typer.Exit(demonstrate(devices, seed))

"""`doctor`: is this installation well? One line for each thing that can be wrong."""

from itertools import chain
from typing import Annotated

import typer

from push_pipeline.cli.output import print_json, say
from push_pipeline.cli.parameters import Json


def doctor(
    live: Annotated[
        bool,
        typer.Option("--live", help="Also connect to each provider, and sign in. No push is sent."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check database, schema, clock, broker, workers, beat, credentials and waiting work.

    Exits with 1 if anything is bad.
    """
    from push_pipeline.cli.checks import examine, try_providers

    findings = []
    for finding in chain(examine(), try_providers() if live else ()):
        findings.append(finding)
        if not as_json:
            say(f"{'ok ' if finding.ok else 'BAD'}  {finding.name:<12} {finding.says}")
    if as_json:
        print_json([finding._asdict() for finding in findings])
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)

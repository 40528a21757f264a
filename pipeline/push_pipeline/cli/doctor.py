"""`doctor`: is this installation well? One line for each thing that can be wrong."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from push_pipeline.cli.output import print_json, say
from push_pipeline.cli.parameters import Json

if TYPE_CHECKING:
    from push_pipeline.cli.finding import Finding


def doctor(
    live: Annotated[
        bool,
        typer.Option("--live", help="Also connect to each provider, and sign in. No push is sent."),
    ] = False,
    security: Annotated[
        bool, typer.Option("--security", help="Say instead who gets in where: what is open.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check database, schema, clock, broker, workers, beat, credentials and waiting work.

    Exits with 1 if anything is bad.
    """
    findings = []
    for finding in _find(live=live, security=security):
        findings.append(finding)
        if not as_json:
            say(f"{'ok ' if finding.ok else 'BAD'}  {finding.name:<12} {finding.says}")
    if as_json:
        print_json([finding._asdict() for finding in findings])
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


def _find(*, live: bool, security: bool) -> "Iterator[Finding]":
    from push_pipeline.cli.checks import examine, try_providers
    from push_pipeline.cli.security import examine_security

    if security:
        yield from examine_security()
        return
    yield from examine()
    if live:
        yield from try_providers()

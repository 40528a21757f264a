"""`devices import`: a list of registrations."""

import time
from typing import Annotated

import typer

from push_pipeline.cli.output import print_json, say
from push_pipeline.cli.parameters import App, Json

group = typer.Typer(no_args_is_help=True, help="Devices.")


@group.command("import")
def import_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="NDJSON or CSV; - is stdin.")],
    app: App = None,
    channel: Annotated[
        list[str], typer.Option(help="Subscribe all of them to it, instead of the file's channels.")
    ] = [],  # noqa: B006 - typer copies it
    as_json: Json = False,
) -> None:
    """Register the devices of a list. Running it twice changes nothing.

    The fields are deviceId, deviceToken, os, osVersion, channels, userId, locale, timezone,
    environment, expiration and properties; the first three are needed. Lines that are wrong are
    told on stderr with their number, and skipped.
    """
    from push_pipeline.cli import device_import

    started = time.monotonic()
    totals = device_import.import_file(file, app, tuple(channel))
    seconds = time.monotonic() - started
    if as_json:
        summary = {"lines": totals.lines, "imported": totals.imported, "bad": totals.bad}
        print_json(summary | {"seconds": round(seconds, 3)})
    else:
        bad = f", {totals.bad:,} bad lines skipped" if totals.bad else ""
        rate = totals.imported / max(seconds, 0.001)
        say(f"{totals.imported:,} devices in {seconds:.1f} s ({rate:,.0f} a second){bad}")

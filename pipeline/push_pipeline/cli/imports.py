"""`devices import`: the lists of this service, of others, and of anybody who names the columns."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from push_pipeline.cli.output import print_json, say
from push_pipeline.cli.parameters import App, Json, read_pair

if TYPE_CHECKING:
    from push_pipeline.cli.device_import import Totals, Wanted
    from push_pipeline.devices.foreign import Said
    from push_pipeline.devices.foreign_tables import Tables

#: What `--from` knows: files, and the tables of two packages for Django.
FILES = ("onesignal", "firebase", "sns", "pinpoint")
TABLES = ("django-push-notifications", "fcm-django")

#: What a column can be.
FIELDS = (
    *("deviceId", "deviceToken", "os", "osVersion", "channels", "userId", "locale", "timezone"),
    *("environment", "expiration", "tokenType", "pushType", "topic", "properties", "badge"),
)


def import_devices(
    context: typer.Context,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="NDJSON or CSV; - is stdin.")
    ] = None,
    *,
    origin: Annotated[
        str | None,
        typer.Option("--from", metavar="NAME", help=f"Whose it is: {', '.join(FILES + TABLES)}."),
    ] = None,
    maps: Annotated[
        list[str],
        typer.Option("--map", metavar="COLUMN=FIELD", help="Which field a column is."),
    ] = [],  # noqa: B006 - typer copies it
    constants: Annotated[
        list[str], typer.Option("--set", metavar="FIELD=VALUE", help="What all of them have.")
    ] = [],  # noqa: B006
    only: Annotated[
        list[str], typer.Option("--only", metavar="COLUMN=VALUE", help="Leave the others out.")
    ] = [],  # noqa: B006
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where the tables are, if not beside the pipeline's own."),
    ] = None,
    channel: Annotated[
        list[str], typer.Option(help="Subscribe all of them to it, instead of the file's channels.")
    ] = [],  # noqa: B006
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; say what would be written.")
    ] = False,
    app: App = None,
    as_json: Json = False,
) -> None:
    """Register the devices of a list. Running it twice changes nothing.

    The fields are deviceId, deviceToken, os, osVersion, channels, userId, locale, timezone,
    environment, expiration, tokenType and properties; the first three are needed. Lines that are
    wrong are told on stderr with their number, and skipped.

    With --from it is the list of another service, or the tables of django-push-notifications or
    fcm-django; devices that are here already are left as they are then.
    """
    from push_pipeline.cli.device_import import Wanted

    said = _said(maps, constants, only)
    wanted = Wanted(app, tuple(channel), said, foreign=origin is not None, dry=dry_run)
    started = time.monotonic()
    if origin in TABLES:
        totals = _of_tables(origin, database, context.obj, wanted)
    else:
        totals = _of_file(file, origin, wanted)
    _tell(totals, time.monotonic() - started, dry=dry_run, as_json=as_json)


def _of_file(file: str | None, origin: str | None, wanted: "Wanted") -> "Totals":
    from push_pipeline.cli import device_import
    from push_pipeline.devices.foreign import FORMATS, OURS

    if origin is not None and origin not in FORMATS:
        raise typer.BadParameter(f"--from knows {', '.join(FILES + TABLES)}")
    if file is None:
        raise typer.BadParameter("name the FILE to be read; - is stdin")
    return device_import.import_file(file, FORMATS[origin] if origin else OURS, wanted)


def _of_tables(
    origin: str, database: str | None, lent: "Tables | None", wanted: "Wanted"
) -> "Totals":
    """Read them in the database that is named, by a host's models, or beside our own tables."""
    from push_pipeline.cli import device_import
    from push_pipeline.devices.foreign_tables import TABLES as OF_PACKAGES
    from push_pipeline.devices.foreign_tables import DatabaseTables
    from push_pipeline.settings import get_settings

    if database is not None or lent is None:
        lent = DatabaseTables(database or get_settings().database_url)
    return device_import.import_tables(lent, OF_PACKAGES[origin], wanted)


def _said(maps: list[str], constants: list[str], only: list[str]) -> "Said":
    from push_pipeline.devices.foreign import Said

    columns = dict(read_pair("--map", text) for text in maps)
    values = dict(read_pair("--set", text) for text in constants)
    for field in (*columns.values(), *values):
        if field not in FIELDS:
            raise typer.BadParameter(f"there is no field {field!r}: {', '.join(FIELDS)}")
    return Said(columns, values, dict(read_pair("--only", text) for text in only))


def _tell(totals: "Totals", seconds: float, *, dry: bool, as_json: bool) -> None:
    if as_json:
        counts = {name: getattr(totals, name) for name in ("lines", "imported", "bad", "skipped")}
        print_json(counts | {"dryRun": dry, "seconds": round(seconds, 3)})
        return
    rate = totals.imported / max(seconds, 0.001)
    bad = f", {totals.bad:,} bad lines skipped" if totals.bad else ""
    if dry:
        say(f"{totals.imported:,} devices would be imported{bad}")
    else:
        say(f"{totals.imported:,} devices in {seconds:.1f} s ({rate:,.0f} a second){bad}")
    for reason, count in totals.skipped.most_common():
        say(f"skipped {count:,}: {reason}")

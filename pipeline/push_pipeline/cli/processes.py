"""`worker`, `beat`, `simulate`: this process becomes the one that is asked for."""

import os
from typing import Annotated, NoReturn

import typer

from push_pipeline.cli.parameters import LogLevel
from push_pipeline.errors import SettingsError
from push_pipeline.supervisor import commands

PASS_ALL_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def worker(
    queue_names: Annotated[
        str | None,
        typer.Option("--queues", metavar="apns,fcm,…", help="Comma-separated; all without it."),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Child processes; four per core without it.")
    ] = None,
    loglevel: LogLevel = "INFO",
) -> None:
    """Run one worker process.

    SIGTERM lets it finish what it is sending: give it a minute.
    """
    from push_pipeline.queues import QUEUES

    names = [name for name in (queue_names or ",".join(QUEUES)).split(",") if name]
    if unknown := [name for name in names if name not in QUEUES]:
        raise SettingsError(f"there is no queue {unknown[0]!r}: {', '.join(QUEUES)}")
    _check_surroundings()
    label = "worker-" + "-".join(dict.fromkeys(name.partition(".")[0] for name in names))
    _become(commands.worker(label, names, concurrency=concurrency, loglevel=loglevel))


def beat(loglevel: LogLevel = "INFO") -> None:
    """Run one beat. Two of them are as good as one, and safer."""
    _check_surroundings()
    _become(commands.beat(loglevel=loglevel))


def simulate(context: typer.Context) -> None:
    """Run stand-ins for APNs and FCM; `simulate --help` lists its options."""
    _become(commands.simulator(*context.args))


def _check_surroundings() -> None:
    """Refuse to start where nothing could be done.

    Raises:
        SetupError: broker or database is away, or the schema is none for this release.
    """
    from push_pipeline import db, migrations, queues

    queues.backlog(queues.PUBLISH)
    with db.reading() as connection:
        migrations.check_usable(connection)
    db.dispose()
    queues.forget()


def _become(command: list[str]) -> NoReturn:
    os.execv(command[0], command)  # noqa: S606 - our own command, no shell

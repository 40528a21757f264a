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
        typer.Option(
            "--queues", metavar="apns,fcm,webpush,…", help="Comma-separated; all without it."
        ),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Child processes; four per core without it.")
    ] = None,
    nice: Annotated[
        int,
        typer.Option(min=0, max=10, help="Leave the processor to others; for broadcasts' workers."),
    ] = 0,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, help="Serve what this worker and its children count."),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option(help="0.0.0.0 to be scraped from outside.")
    ] = "127.0.0.1",
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
    _check_trust()
    label = "worker-" + "-".join(dict.fromkeys(name.partition(".")[0] for name in names))
    more = [] if metrics_port is None else _metrics(metrics_host, metrics_port)
    become(
        commands.worker(label, names, *more, concurrency=concurrency, nice=nice, loglevel=loglevel)
    )


def beat(loglevel: LogLevel = "INFO") -> None:
    """Run one beat. Two of them are as good as one, and safer."""
    _check_surroundings()
    become(commands.beat(loglevel=loglevel))


def simulate(context: typer.Context) -> None:
    """Run stand-ins for APNs and FCM; `simulate --help` lists its options."""
    become(commands.simulator(*context.args))


def _metrics(host: str, port: int) -> list[str]:
    from push_pipeline.supervisor.web import check_port

    check_port(host, port)
    return ["--metrics-port", str(port), "--metrics-host", host]


def _check_trust() -> None:
    """Refuse to start where no provider could be trusted: each would seem to refuse us.

    Raises:
        BadCredential: PIPELINE_CA_FILE cannot be read.
    """
    from push_pipeline.settings import get_settings
    from push_pipeline.trust import trust

    ca_file = get_settings().ca_file
    trust(None if ca_file is None else str(ca_file))


def _check_surroundings() -> None:
    """Refuse to start where nothing could be done.

    Raises:
        SettingsError: what workers need is not installed.
        SetupError: broker or database is away, or the schema is none for this release.
    """
    from push_pipeline import db, migrations, queues
    from push_pipeline.metrics.folder import check_metrics_folder

    commands.require_workers()
    check_metrics_folder()
    queues.backlog(queues.PUBLISH)
    with db.reading() as connection:
        migrations.check_usable(connection)
    db.dispose()
    queues.forget()


def become(command: list[str]) -> NoReturn:
    """Go on as another program, with this process's id."""
    os.execv(command[0], command)  # noqa: S606 - our own command, no shell

"""`up`: everything on this machine, until Ctrl-C."""

import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from push_pipeline.cli.adopted import FOLDER
from push_pipeline.cli.output import say
from push_pipeline.cli.parameters import LogLevel, Port

if TYPE_CHECKING:
    from push_pipeline.supervisor.installation import Installation

#: Simulated devices that a first push may go to.
SAMPLE_DEVICES = 100


def up(
    port: Port = 8080,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Children of each delivery worker; two per core.")
    ] = None,
    with_flower: Annotated[
        bool, typer.Option("--flower/--no-flower", help="Show the tasks too, if it is installed.")
    ] = True,
    state: Annotated[Path, typer.Option(help="The folder for database, keys and logs.")] = FOLDER,
    loglevel: LogLevel = "WARNING",
) -> None:
    """Run everything on this machine in one process tree; Ctrl-C stops all of it.

    What is not configured is embedded: a database file, a private Redis, an app, and simulated
    providers where no credentials are given.
    """
    from push_pipeline.cli.welcome import welcome
    from push_pipeline.supervisor.installation import Installation, Plan
    from push_pipeline.supervisor.state_folder import StateFolder
    from push_pipeline.supervisor.stop import Stopped, stoppable, wait_for_stop

    folder = StateFolder(state)
    plan = Plan(port=port, children=workers, loglevel=loglevel, flower=with_flower)
    with folder.locked(), stoppable(), suppress(Stopped):
        say("starting …")
        with Installation(folder, plan, say) as installation:
            installation.wait_until_ready()
            say(welcome(installation, _sample_devices(installation)))
            wait_for_stop()
    say("stopped")


def _sample_devices(installation: "Installation") -> Path | None:
    """Make a list of devices to try an installation with; None where real ones are pushed to."""
    from push_pipeline.supervisor import commands
    from push_pipeline.supervisor.state_folder import write_private

    if installation.providers is None:
        return None
    path = installation.folder.path / "devices.ndjson"
    if not path.exists():
        command = commands.population("--count", str(SAMPLE_DEVICES), "--seed", "1")
        made = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own command
        write_private(path, made.stdout)
    return path

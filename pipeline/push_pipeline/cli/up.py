"""`up`: everything on this machine, until Ctrl-C."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from push_pipeline.cli.adopted import FOLDER
from push_pipeline.cli.output import say
from push_pipeline.cli.parameters import LogLevel, Port


def up(
    port: Port = 8080,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Children of each delivery worker; two per core.")
    ] = None,
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
    plan = Plan(port=port, children=workers, loglevel=loglevel)
    with folder.locked(), stoppable(), suppress(Stopped):
        say("starting …")
        with Installation(folder, plan, say) as installation:
            installation.wait_until_ready()
            say(welcome(installation))
            wait_for_stop()
    say("stopped")

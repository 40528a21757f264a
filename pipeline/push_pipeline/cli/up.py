"""`up`: everything on this machine, until Ctrl-C."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from push_pipeline.cli.adopted import FOLDER
from push_pipeline.cli.output import say
from push_pipeline.settings import get_settings
from push_pipeline.supervisor.installation import Installation, Plan
from push_pipeline.supervisor.state_folder import StateFolder
from push_pipeline.supervisor.stop import Stopped, stoppable, wait_for_stop
from push_pipeline.supervisor.web import HOST


def up(
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Of the HTTP API; 0 takes any free one.")
    ] = 8080,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Children of each delivery worker; two per core.")
    ] = None,
    state: Annotated[Path, typer.Option(help="The folder for database, keys and logs.")] = FOLDER,
    loglevel: Annotated[str, typer.Option(help="Of the workers' logs.")] = "WARNING",
) -> None:
    """Run everything on this machine in one process tree; Ctrl-C stops all of it.

    What is not configured is embedded: a database file, a private Redis, an app, and simulated
    providers where no credentials are given.
    """
    folder = StateFolder(state)
    plan = Plan(port=port, children=workers, loglevel=loglevel)
    with folder.locked(), stoppable(), suppress(Stopped):
        say("starting …")
        with Installation(folder, plan, say) as installation:
            installation.wait_until_ready()
            say(_welcome(installation))
            wait_for_stop()
    say("stopped")


def _welcome(installation: Installation) -> str:
    settings = get_settings()
    folder = installation.folder
    api = f"http://{HOST}:{installation.port}" if installation.port else "not installed"
    lines = [
        f"HTTP API   {api}",
        f"app        {settings.app_id}; its API key is in {folder.path / 'api.key'}",
        f"operators  /metrics, with the key in {folder.path / 'operator.key'}",
        f"database   {_place(settings.database_url)}",
        f"logs       {folder.logs}",
    ]
    if installation.providers is not None:
        lines.append(f"providers  simulated; control API at {installation.providers.control_url}")
    return "\n".join([*lines, "", *_NEXT])


_NEXT = (
    "Everything runs; Ctrl-C stops it. In another terminal, in this folder:",
    "  push-pipeline devices import devices.ndjson",
    '  push-pipeline publish default "Hello" --watch',
    "  push-pipeline doctor",
)


def _place(url: str) -> str:
    """Name a database without its password, which may stand among the options too."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"

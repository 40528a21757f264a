"""`drill`: break something on purpose, here or on a staging system, and see what holds."""

from typing import Annotated

import typer


def drill(
    name: Annotated[str | None, typer.Argument(help="Which one; see --list.")] = None,
    *,
    list_them: Annotated[bool, typer.Option("--list", help="Say which drills there are.")] = False,
    devices: Annotated[int, typer.Option(min=100, help="How many simulated devices.")] = 5_000,
    staging: Annotated[
        bool,
        typer.Option("--staging", help="On the installation that is configured; see below."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Break something in the middle of a push, in var/drill, and check every promise.

    Starts an installation of its own with simulated providers, as `demo` does: nothing that is
    configured is used, and no real provider is met. Exits with 0 only if all promises hold.

    With `--staging` the workers that run push to an app of the drill's own, whose devices and
    providers are simulated; it is removed at the end. Refused where any credential leads to a
    real provider, or anything else is under way. `--staging --list` names the drills for it:
    those that break the providers, since the processes are not ours to kill.
    """
    from push_pipeline.cli import adopted
    from push_pipeline.cli.drilling import perform, show_drills

    if list_them or name is None:
        show_drills(staging=staging)
        return
    if staging:
        adopted.adopt()
    raise typer.Exit(perform(name, devices, as_json=as_json, staging=staging))

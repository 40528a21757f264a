"""`users`: what is held of a person, told and erased."""

from typing import Annotated, Any

import typer

from push_pipeline.cli.output import note, print_json, print_row, printable, say
from push_pipeline.cli.parameters import App, Json

group = typer.Typer(no_args_is_help=True, help="What is held of a user: tell it, erase it.")

#: What each line of an export is, and where it is found.
_KINDS = (
    *(("device", "devices"), ("activity", "activities")),
    *(("message", "messages"), ("delivery", "deliveries")),
)

UserId = Annotated[str, typer.Argument(metavar="USER", help="The id that devices name.")]


@group.command("export")
def export(user_id: UserId, app: App = None, as_json: Json = False) -> None:
    """Print all that is held of a user: NDJSON with a `kind` in each line, or one document.

    Properties, devices with their channels, messages that were addressed to the user or to
    devices of theirs, and deliveries as far as they can be found at a bounded cost.
    """
    from push_pipeline import export_user

    held: Any = export_user(user_id, app=app)
    if as_json:
        print_json(held)
        return
    if held["properties"] is not None:
        print_row({"kind": "user", "userId": user_id, "properties": held["properties"]})
    for kind, name in _KINDS:
        for row in held[name]:
            print_row({"kind": kind, **row})
    if not any(held[name] for name in ("devices", "messages")) and held["properties"] is None:
        note(f"nothing is held of {printable(user_id)}")


@group.command("erase")
def erase(
    user_id: UserId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    app: App = None,
    as_json: Json = False,
) -> None:
    """Erase all that is held of a user; it cannot be undone.

    Their properties and devices go. Messages for them alone are cancelled where they are not
    finished, and lose their words; the ledger's counts stay. Twice is as good as once.
    """
    from push_pipeline import erase_user

    if not yes:
        question = f"Erase all that is held of {printable(user_id)}? It cannot be undone."
        typer.confirm(question, abort=True, err=True)
    done = erase_user(user_id, app=app)
    if as_json:
        told = {"properties": done.properties, "devices": done.devices}
        print_json(told | {"blanked": done.blanked, "renamed": done.renamed})
        return
    say(f"properties  {'erased' if done.properties else 'none'}")
    say(f"devices     {done.devices:,} removed")
    say(f"messages    {done.blanked:,} lost their words, {done.renamed:,} the name in a list")

"""`keys`: the secret keys that seal what is stored."""

import typer

from push_pipeline.cli.output import note, print_json, say
from push_pipeline.cli.parameters import Json

group = typer.Typer(no_args_is_help=True, help="The secret keys that seal what is stored.")


@group.command("rotate")
def rotate(as_json: Json = False) -> None:
    """Seal everything anew with the first key of PIPELINE_SECRET_KEY, while all goes on.

    Exits with 1 if something cannot be opened with any of the keys. Twice changes nothing.
    """
    from push_pipeline import db
    from push_pipeline.cli.app_changes import sealing_secret
    from push_pipeline.credentials import Standing, reseal, standing
    from push_pipeline.directory.sealed import list_sealed, replace_sealed

    secret = sealing_secret()
    names: dict[Standing, list[str]] = {one: [] for one in Standing}
    with db.writing() as connection:
        for one in list_sealed(connection):
            names[found := standing(secret, one.value)].append(one.name)
            if found is Standing.OLD:
                replace_sealed(connection, one, reseal(secret, one.value))
    current, resealed, lost = (names[one] for one in (Standing.NEWEST, Standing.OLD, Standing.LOST))
    if as_json:
        print_json({"resealed": resealed, "current": current, "lost": lost})
    else:
        say(f"resealed: {', '.join(resealed) or 'nothing'}; current already: {len(current)}")
        for name in lost:
            note(f"{name}: none of the keys opens it: add the one that it was sealed with")
    raise typer.Exit(1 if lost else 0)

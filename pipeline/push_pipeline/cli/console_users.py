"""`console`: who may use the console, and the links by which they come in."""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from push_pipeline.cli.output import print_json, say
from push_pipeline.cli.parameters import Json
from push_pipeline.errors import SettingsError

if TYPE_CHECKING:
    from types import ModuleType

group = typer.Typer(no_args_is_help=True, help="Who may use the console.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]

#: Where `up` serves the console.
LOCAL = "http://127.0.0.1:8080"


@group.command("grant")
def grant(
    name: Name,
    role: Annotated[str, typer.Argument(metavar="viewer|publisher|admin")],
    app: Annotated[str, typer.Option("--in", metavar="APP", help="In this app alone.")] = "*",
) -> None:
    """Make a user, or give one a role: in every app, or in one."""
    from push_pipeline import db
    from push_pipeline.clock import now_ms
    from push_pipeline.console.roles import EVERY_APP, read_role
    from push_pipeline.directory.apps import resolve_app
    from push_pipeline.directory.console_users import find_person, put_person

    wanted = read_role(role).name.lower()
    with db.writing() as connection:
        where = app if app == EVERY_APP else resolve_app(connection, app)
        known = find_person(connection, name)
        roles = {**(known.roles if known else {}), where: wanted}
        put_person(connection, name, roles, now_ms())
    say(f"{name}: {wanted} in {'every app' if app == EVERY_APP else app}")


@group.command("link")
def link(
    name: Name,
    url: Annotated[str, typer.Option(help="Where the gateway is reached from outside.")] = LOCAL,
) -> None:
    """Print a link that signs NAME in once, within ten minutes."""
    say(make_link(name, url))


def make_link(name: str, url: str) -> str:
    """Return a link that signs a user in once.

    Raises:
        UnknownConsoleUser: there is none.
    """
    return f"{url.rstrip('/')}/console/sign-in?token={_sign_in().make_link_token(name)}"


def make_admin(name: str) -> None:
    """Let somebody do everything in every app."""
    from push_pipeline import db
    from push_pipeline.clock import now_ms
    from push_pipeline.console.roles import EVERY_APP, Role
    from push_pipeline.directory.console_users import put_person

    with db.writing() as connection:
        put_person(connection, name, {EVERY_APP: Role.ADMIN.name.lower()}, now_ms())


@group.command("password")
def password(name: Name) -> None:
    """Set a password, which is asked for; whoever is signed in as NAME is signed out."""
    sign_in = _sign_in()
    given = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != given:
        raise typer.BadParameter("they are not the same")
    sign_in.set_password(name, given)
    say(f"{name} has a password")


@group.command("users")
def users(as_json: Json = False) -> None:
    """List who may use the console."""
    from push_pipeline import db
    from push_pipeline.directory.console_users import list_people

    with db.reading() as connection:
        people = list_people(connection)
    if as_json:
        print_json({"users": [{"name": one.name, "roles": dict(one.roles)} for one in people]})
        return
    for one in people:
        roles = ", ".join(f"{role} in {app}" for app, role in one.roles.items())
        say(f"{one.name}  {roles}")


@group.command("remove")
def remove(name: Name) -> None:
    """Remove a user, who is signed out everywhere at once."""
    from push_pipeline import db
    from push_pipeline.directory.console_users import remove_person

    with db.writing() as connection:
        remove_person(connection, name)
    say(f"removed: {name}")


def _sign_in() -> "ModuleType":
    try:
        from push_pipeline.console import sign_in
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{error.name} is not installed: pip install push-pipeline[console]"
        ) from error
    return sign_in

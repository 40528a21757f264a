"""`template` and `push`: stored push templates from the shell."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from push_pipeline import db, push_with_template
from push_pipeline.cli import live
from push_pipeline.cli.message_options import (
    At,
    Every,
    Key,
    Local,
    Until,
    Users,
    Watch,
    read_pair,
    read_times,
)
from push_pipeline.cli.output import App, Json, print_json, say
from push_pipeline.cli.publishing import print_receipt
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import resolve_app
from push_pipeline.directory.templates import CHANNEL, PUSH, Kind, buttons_for, list_templates
from push_pipeline.directory.templates import put_template as store
from push_pipeline.errors import InvalidParameter
from push_pipeline.platform import Platform

group = typer.Typer(no_args_is_help=True, help="Stored push templates.")


@group.command("put")
def put(
    file: Annotated[Path, typer.Argument(help="A JSON document, or a list of them.")],
    kind: Annotated[
        str, typer.Option(metavar="push|button|channel", help="What the file holds.")
    ] = "push",
    app: App = None,
) -> None:
    """Store templates, each in place of the one of its name, and print their names.

    All of a file or nothing of it is stored.
    """
    bodies = _read(file)
    checked = [(one := _kind(kind, body), one.read(body)) for body in bodies]
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        for one, template in checked:
            store(connection, app_id, one, template, now_ms())
    for _, template in checked:
        say(str(template.name))


@group.command("list")
def list_all(app: App = None, as_json: Json = False) -> None:
    """List the push templates."""
    with db.reading() as connection:
        found = list_templates(connection, resolve_app(connection, app), PUSH)
    if as_json:
        print_json([template.to_json() for template in found])
        return
    for template in found:
        systems = " ".join(platform.value for platform in template.platforms) or "ALL"
        say(f"{template.name:<32} {template.channel_name or '(every channel)':<20} {systems}")


def push(  # noqa: PLR0917 - typer reads options from the signature
    template: Annotated[str, typer.Argument(help="Its name.")],
    value: Annotated[
        list[str], typer.Option(metavar="NAME=VALUE", help="Fill the variable {NAME}.")
    ] = [],  # noqa: B006 - typer copies it
    app: App = None,
    at: At = None,
    local: Local = False,
    every: Every = None,
    until: Until = None,
    key: Key = None,
    watch: Watch = False,
    user: Users = [],  # noqa: B006 - typer copies it
    as_json: Json = False,
) -> None:
    """Push the stored TEMPLATE to the devices that it is for and print the message's id."""
    receipt = push_with_template(
        template,
        dict(read_pair("--value", text) for text in value),
        app=app,
        dedupe_key=key,
        users=user or None,
        **read_times(at, local=local, every=every, until=until),
    )
    print_receipt(receipt, as_json=as_json)
    if watch:
        raise typer.Exit(live.watch(receipt.message_id))


def _read(file: Path) -> list[Any]:
    try:
        content = json.loads(file.read_text())
    except OSError as error:
        raise InvalidParameter(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as wrong:
        raise InvalidParameter(f"{file} is not JSON: {wrong}") from None
    return content if isinstance(content, list) else [content]


def _kind(word: str, body: Any) -> Kind[Any]:
    if word == "button":
        system = str(body.get("platform", "")) if isinstance(body, dict) else ""
        if system not in Platform.__members__:
            raise InvalidParameter("a button template's platform is IOS, ANDROID or OSX")
        return buttons_for(Platform(system))
    kinds: dict[str, Kind[Any]] = {"push": PUSH, "channel": CHANNEL}
    if word not in kinds:
        raise InvalidParameter(f"--kind {word!r} is unknown: use push, button or channel")
    return kinds[word]

"""`template` and `push`: stored push templates from the shell."""

from pathlib import Path
from typing import Annotated

import typer

from push_pipeline.cli.output import print_json, say
from push_pipeline.cli.parameters import (
    App,
    At,
    DedupeKey,
    DryRun,
    Every,
    Json,
    Local,
    PushType,
    Strict,
    UnknownPolicy,
    Until,
    Users,
    Watch,
    read_delivery,
    read_pair,
)
from push_pipeline.clock import now_ms

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
    from push_pipeline import db
    from push_pipeline.cli.template_file import read_templates
    from push_pipeline.directory.apps import resolve_app
    from push_pipeline.directory.templates import put_template

    checked = read_templates(file, kind)
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        for one, template in checked:
            put_template(connection, app_id, one, template, now_ms())
    for _, template in checked:
        say(str(template.name))


@group.command("list")
def list_all(app: App = None, as_json: Json = False) -> None:
    """List the push templates."""
    from push_pipeline import db
    from push_pipeline.directory.apps import resolve_app
    from push_pipeline.directory.templates import PUSH, list_templates

    with db.reading() as connection:
        found = list_templates(connection, resolve_app(connection, app), PUSH)
    if as_json:
        print_json([template.to_json() for template in found])
        return
    for template in found:
        systems = " ".join(platform.value for platform in template.platforms) or "ALL"
        say(f"{template.name:<32} {template.channel_name or '(every channel)':<20} {systems}")


def push(
    template: Annotated[str, typer.Argument(help="Its name.")],
    *,
    value: Annotated[
        list[str], typer.Option(metavar="NAME=VALUE", help="Fill the variable {NAME}.")
    ] = [],  # noqa: B006 - typer copies it
    app: App = None,
    at: At = None,
    local: Local = False,
    every: Every = None,
    until: Until = None,
    unknown_policy: UnknownPolicy = None,
    push_type: PushType = None,
    key: DedupeKey = None,
    strict: Strict = False,
    watch: Watch = False,
    user: Users = [],  # noqa: B006
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Push the stored TEMPLATE to the devices that it is for and print the message's id."""
    from push_pipeline.cli.dry_run import show
    from push_pipeline.cli.receipt import tell
    from push_pipeline.publishing.dedupe import key_of_host
    from push_pipeline.publishing.forecast import forecast
    from push_pipeline.publishing.push_template import draft_stored, push_stored

    values = dict(read_pair("--value", text) for text in value)
    to = read_delivery(
        at,
        local=local,
        every=every,
        until=until,
        push_users=user or None,
        unknown_policy=unknown_policy,
        push_type=push_type,
    )
    if dry_run:
        draft = draft_stored(template, values, to, app=app, strict=strict)
        show(forecast(draft, app=app), as_json=as_json)
        return
    once = key_of_host(key)
    receipt = push_stored(template, values, to, app=app, dedupe_key=once, strict=strict)
    tell(receipt, watch=watch, as_json=as_json)

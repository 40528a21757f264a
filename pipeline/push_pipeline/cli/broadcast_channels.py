"""`broadcast-channel …`: channels of Apple's that activities on phones listen to."""

from typing import Annotated

import typer

from push_pipeline.cli.output import print_json, say
from push_pipeline.cli.parameters import App, Json

group = typer.Typer(
    no_args_is_help=True, help="Broadcast channels of Apple's, for Live Activities (iOS 18)."
)

Name = Annotated[str, typer.Argument(help="Its name here.", show_default=False)]
Environment = Annotated[
    str | None, typer.Option(help="production or sandbox; the app's first.", show_default=False)
]


@group.command()
def create(
    name: Name,
    store: Annotated[
        str, typer.Option(help="What Apple keeps for phones that are away: latest or nothing.")
    ] = "latest",
    environment: Environment = None,
    app: App = None,
    as_json: Json = False,
) -> None:
    """Make a broadcast channel at Apple, and print the id that phones listen to."""
    from push_pipeline import create_broadcast_channel

    made = create_broadcast_channel(name, stores=store, environment=environment, app=app)
    if as_json:
        print_json(made)
    else:
        say(f"{made['name']}  {made['environment']}  {made['channelId']}")


@group.command("list")
def list_all(
    at_apple: Annotated[
        bool, typer.Option("--at-apple", help="Ask Apple which there are, also without a name.")
    ] = False,
    environment: Environment = None,
    app: App = None,
    as_json: Json = False,
) -> None:
    """List the broadcast channels of an app."""
    from push_pipeline import list_broadcast_channels

    found = list_broadcast_channels(at_apple=at_apple, environment=environment, app=app)
    if as_json:
        print_json(found)
        return
    for one in found:
        gone = "  not at Apple any more" if one.get("atApple") is False else ""
        keeps = f"stores {one['stores']}" if "stores" in one else "without a name here"
        say(f"{one['name'] or '-'}  {one['environment']}  {one['channelId']}  {keeps}{gone}")
    if not found:
        say("there is none")


@group.command()
def show(name: Name, environment: Environment = None, app: App = None) -> None:
    """Print a broadcast channel, and whether Apple has it."""
    from push_pipeline import show_broadcast_channel

    print_json(show_broadcast_channel(name, environment=environment, app=app))


@group.command()
def delete(name: Name, environment: Environment = None, app: App = None) -> None:
    """Delete a broadcast channel at Apple for good: its id never comes back."""
    from push_pipeline import delete_broadcast_channel

    delete_broadcast_channel(name, environment=environment, app=app)
    say(f"{name} is deleted; what Apple has stored of it may still arrive")

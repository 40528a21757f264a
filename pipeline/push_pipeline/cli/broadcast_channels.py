"""`broadcast-channel …`: channels of Apple's that activities on phones listen to."""

from datetime import datetime
from typing import Annotated, Any

import typer

from push_pipeline.cli.output import print_json, say
from push_pipeline.cli.parameters import App, At, DedupeKey, Json, UnknownPolicy, Watch
from push_pipeline.cli.times import moment, past, span
from push_pipeline.clock import now_ms
from push_pipeline.errors import InvalidParameter

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


@group.command()
def push(
    name: Name,
    state: Annotated[
        str | None,
        typer.Argument(metavar="JSON", help="The state that is shown.", show_default=False),
    ] = None,
    *,
    event: Annotated[str, typer.Option(help="update or end.")] = "update",
    alert: Annotated[str | None, typer.Option(help="A title that lights up the screen.")] = None,
    priority: Annotated[int | None, typer.Option(help="5 or 10.")] = None,
    ttl: Annotated[
        str | None, typer.Option(metavar="1h", help="Keep it so long for phones that are away.")
    ] = None,
    at: At = None,
    key: DedupeKey = None,
    unknown_policy: UnknownPolicy = None,
    environment: Environment = None,
    app: App = None,
    watch: Watch = False,
    as_json: Json = False,
) -> None:
    """Tell all activities that listen to a broadcast channel what they show, by one request."""
    from push_pipeline import push_to_broadcast_channel
    from push_pipeline.cli.receipt import tell

    receipt = push_to_broadcast_channel(
        name,
        None if state is None else _object(state),
        event=event,
        alert=alert,
        priority=priority,
        ttl=None if ttl is None else span(ttl),
        publish_at=None if at is None else moment(at, now_ms()),
        unknown_policy=unknown_policy,
        environment=environment,
        app=app,
        dedupe_key=key,
    )
    tell(receipt, watch=watch, as_json=as_json)


@group.command("list")
def list_all(
    at_apple: Annotated[
        bool, typer.Option("--at-apple", help="Ask Apple which there are, also without a name.")
    ] = False,
    idle: Annotated[
        str | None,
        typer.Option(metavar="30d", help="Only those not pushed to for so long, longest first."),
    ] = None,
    environment: Environment = None,
    app: App = None,
    as_json: Json = False,
) -> None:
    """List the broadcast channels of an app, each with its last push."""
    from push_pipeline import list_broadcast_channels

    if idle is not None and at_apple:
        raise InvalidParameter("--idle is about those that have a name here, not --at-apple")
    found = list_broadcast_channels(at_apple=at_apple, environment=environment, app=app)
    if idle is not None:
        found = _idle(found, idle)
    if as_json:
        print_json(found)
        return
    for one in found:
        say(_line(one))
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


def _idle(found: list[dict[str, Any]], span_of_time: str) -> list[dict[str, Any]]:
    """Return the channels that nobody has pushed to for so long; new ones are not idle."""
    before = past(span_of_time, now_ms())
    if not isinstance(before, datetime):
        raise InvalidParameter("--idle is a span of time, as 30d")
    used = {
        one["name"]: datetime.fromisoformat(one["pushedAt"] or one["createdAt"]) for one in found
    }
    idle = [one for one in found if used[one["name"]] <= before]
    return sorted(idle, key=lambda one: used[one["name"]])


def _line(one: dict[str, Any]) -> str:
    place = f"{one['name'] or '-'}  {one['environment']}  {one['channelId']}"
    if "stores" not in one:
        return f"{place}  without a name here"
    pushed = one["pushedAt"]
    last = f"not pushed to since it was made at {one['createdAt']}"
    if pushed is not None:
        last = f"last push {pushed}"
    gone = "  not at Apple any more" if one.get("atApple") is False else ""
    return f"{place}  stores {one['stores']}  {last}{gone}"


def _object(text: str) -> dict[str, Any]:
    from push_pipeline.options.json_values import parse_json

    try:
        state = parse_json("the state", text.encode())
    except ValueError as wrong:
        raise InvalidParameter(f"the state is not JSON: {wrong}") from None
    if not isinstance(state, dict):
        raise InvalidParameter("the state is no JSON object")
    return state

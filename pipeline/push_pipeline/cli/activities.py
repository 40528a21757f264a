"""`activity`: Live Activities started, updated, ended and looked at; their tokens reported."""

from typing import Annotated, Any

import typer

from push_pipeline.cli.output import note, print_json, printable, say
from push_pipeline.cli.parameters import (
    App,
    At,
    DedupeKey,
    Json,
    Local,
    Users,
    Watch,
    read_delivery,
    read_pair,
)
from push_pipeline.cli.times import moment
from push_pipeline.clock import now_ms
from push_pipeline.errors import InvalidParameter

group = typer.Typer(
    no_args_is_help=True, help="Live Activities of iOS, and the progress that Android apps show."
)

ActivityId = Annotated[str, typer.Argument(metavar="ID", help="The activity's id: your own.")]
State = Annotated[
    str, typer.Option("--state", metavar="JSON", help="All that is shown: the content-state.")
]
Title = Annotated[str | None, typer.Option("--alert", metavar="TITLE", help="Alert with it.")]
Body = Annotated[str | None, typer.Option("--body", metavar="TEXT", help="Of the alert.")]
Sound = Annotated[str | None, typer.Option("--sound", metavar="NAME", help="Of the alert.")]
Template = Annotated[
    str | None, typer.Option("--template", metavar="NAME", help="A stored one; its alert.")
]
TemplateValues = Annotated[
    list[str], typer.Option("--value", metavar="NAME=VALUE", help="Fill its variable {NAME}.")
]
Texts = Annotated[
    list[str],
    typer.Option(
        "--text",
        metavar="LANG[:body]=TEXT",
        help="The alert's title in a language; LANG:body=TEXT its body, LANG:sound=NAME.",
    ),
]
Stale = Annotated[
    str | None, typer.Option("--stale", metavar="ISO|+10m", help="When the state is outdated.")
]
Relevance = Annotated[
    float | None, typer.Option("--relevance", help="The highest gets the Dynamic Island.")
]
Priority = Annotated[
    int | None, typer.Option(metavar="5|10", help="10 is at once, and costs of the budget.")
]


@group.command("start")
def start(
    activity_id: ActivityId,
    *,
    attributes_type: Annotated[
        str, typer.Option("--type", metavar="NAME", help="The attributes' type in the app's code.")
    ],
    attributes: Annotated[
        str, typer.Option("--attributes", metavar="JSON", help="What never changes of it.")
    ],
    state: State,
    alert: Annotated[
        str | None, typer.Option("--alert", metavar="TITLE", help="A start alerts.")
    ] = None,
    body: Body = None,
    sound: Sound = None,
    text: Texts = [],  # noqa: B006
    template: Template = None,
    value: TemplateValues = [],  # noqa: B006
    channel: Annotated[
        str | None, typer.Option("--channel", help="On the devices of this channel.")
    ] = None,
    user: Users = [],  # noqa: B006 - typer copies it
    device: Annotated[
        list[str], typer.Option("--device", metavar="ID", help="Only on this device.")
    ] = [],  # noqa: B006
    at: At = None,
    local: Local = False,
    stale: Stale = None,
    relevance: Relevance = None,
    priority: Priority = None,
    key: DedupeKey = None,
    app: App = None,
    watch: Watch = False,
    as_json: Json = False,
) -> None:
    """Start an activity on iPhones that may be started on, and on Android devices."""
    from push_pipeline import start_activity
    from push_pipeline.cli.receipt import tell

    receipt = start_activity(
        activity_id,
        attributes_type,
        _json("--attributes", attributes),
        _json("--state", state),
        alert=_alert(alert, body, sound, text),
        template=template,
        template_values=dict(read_pair("--value", pair) for pair in value) or None,
        channel=channel,
        users=user or None,
        devices=device or None,
        stale_date=_moment(stale),
        relevance_score=relevance,
        priority=priority,
        delivery_options=read_delivery(at, local=local, every=None, until=None),
        app=app,
        dedupe_key=key,
    )
    tell(receipt, watch=watch, as_json=as_json)


@group.command("update")
def update(
    activity_id: ActivityId,
    *,
    state: State,
    alert: Title = None,
    body: Body = None,
    sound: Sound = None,
    text: Texts = [],  # noqa: B006
    template: Template = None,
    value: TemplateValues = [],  # noqa: B006
    stale: Stale = None,
    relevance: Relevance = None,
    priority: Priority = None,
    key: DedupeKey = None,
    app: App = None,
    watch: Watch = False,
    as_json: Json = False,
) -> None:
    """Show another state of an activity on all devices that have it."""
    from push_pipeline import update_activity
    from push_pipeline.cli.receipt import tell

    receipt = update_activity(
        activity_id,
        _json("--state", state),
        alert=_alert(alert, body, sound, text),
        template=template,
        template_values=dict(read_pair("--value", pair) for pair in value) or None,
        stale_date=_moment(stale),
        relevance_score=relevance,
        priority=priority,
        app=app,
        dedupe_key=key,
    )
    tell(receipt, watch=watch, as_json=as_json)


@group.command("end")
def end(
    activity_id: ActivityId,
    *,
    state: Annotated[
        str | None, typer.Option("--state", metavar="JSON", help="The last one; else as it was.")
    ] = None,
    alert: Title = None,
    body: Body = None,
    sound: Sound = None,
    text: Texts = [],  # noqa: B006
    template: Template = None,
    value: TemplateValues = [],  # noqa: B006
    dismiss: Annotated[
        str | None,
        typer.Option("--dismiss", metavar="ISO|+10m|now", help="When it leaves the lock screen."),
    ] = None,
    priority: Priority = None,
    key: DedupeKey = None,
    app: App = None,
    watch: Watch = False,
    as_json: Json = False,
) -> None:
    """End an activity on all devices that have it."""
    from push_pipeline import end_activity
    from push_pipeline.cli.receipt import tell

    receipt = end_activity(
        activity_id,
        None if state is None else _json("--state", state),
        alert=_alert(alert, body, sound, text),
        template=template,
        template_values=dict(read_pair("--value", pair) for pair in value) or None,
        dismissal_date=_moment("+0" if dismiss == "now" else dismiss),
        priority=priority,
        app=app,
        dedupe_key=key,
    )
    tell(receipt, watch=watch, as_json=as_json)


@group.command("show")
def show(activity_id: ActivityId, app: App = None, as_json: Json = False) -> None:
    """Show what was said last of an activity, and on how many devices it is reached."""
    from push_pipeline import show_activity
    from push_pipeline.content import compact_json

    known = show_activity(activity_id, app=app)
    if as_json:
        print_json(known)
        return
    ended = known["endedAt"]
    reached = f"{known['addresses']:,} devices; {known['addressesEnded']:,} have left it"
    lines = {
        "activity": known["activityId"],
        "type": known["attributesType"] or "not told",
        "event": _event(known["event"], known["status"]),
        "state": compact_json(known["state"]).decode(),
        "reached": reached,
        "message": known["messageId"] or "none",
        "updated": known["updatedAt"],
        **({} if ended is None else {"ended": ended}),
    }
    for name, said in lines.items():
        say(f"{name:<10}{printable(str(said))}")


@group.command("token")
def token(
    device_id: Annotated[str, typer.Argument(metavar="DEVICE", help="The device's id.")],
    reported: Annotated[
        str | None, typer.Argument(metavar="TOKEN", help="Of ActivityKit.", show_default=False)
    ] = None,
    activity: Annotated[
        str | None, typer.Option("--activity", metavar="ID", help="The activity that it updates.")
    ] = None,
    attributes_type: Annotated[
        str | None, typer.Option("--type", metavar="NAME", help="What it starts.")
    ] = None,
    frequent: Annotated[
        bool | None,
        typer.Option("--frequent/--seldom", help="Whether its user lets it be updated often."),
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Forget it instead.")] = False,
    app: App = None,
) -> None:
    """Note a token as the app reports it, of an activity or for starting one."""
    from push_pipeline import remove_activity_token, report_activity_token

    use: dict[str, Any] = {"activity_id": activity, "attributes_type": attributes_type}
    if forget:
        known = remove_activity_token(device_id, **use, app=app)
        note("forgotten" if known else "there was none")
        return
    if reported is None:
        raise typer.BadParameter("write DEVICE and TOKEN, or DEVICE and --forget")
    answer = report_activity_token(device_id, reported, **use, frequent=frequent, app=app)
    note("the activity has ended" if answer.ended else "noted")


def _event(event: str | None, status: str | None) -> str:
    if event is None:
        return "none yet: it was started by the app"
    return event if status is None else f"{event} ({status})"


def _json(option: str, text: str) -> Any:
    from push_pipeline.options.json_values import parse_json

    try:
        return parse_json(option, text.encode())
    except ValueError as wrong:
        raise InvalidParameter(f"{option} is not JSON: {wrong}") from None


def _alert(
    title: str | None, body: str | None, sound: str | None, texts: list[str]
) -> dict[str, Any] | None:
    """Return an alert; what it says in more languages stands beside what all others get.

    Raises:
        InvalidParameter: a text is none of LANG=TEXT or LANG:body=TEXT, or has no default.
    """
    told = {"title": title, "body": body, "sound": sound}
    said: dict[str, Any] = {name: text for name, text in told.items() if text is not None}
    for pair in texts:
        where, words = read_pair("--text", pair)
        language, _, name = where.partition(":")
        name = name or "title"
        if name not in said:
            raise InvalidParameter(f"--text needs a {name} of the alert: other languages get it")
        if isinstance(said[name], str):
            said[name] = {"default": said[name]}
        said[name][language] = words
    return said or None


def _moment(text: str | None) -> Any:
    return None if text is None else moment(text, now_ms())

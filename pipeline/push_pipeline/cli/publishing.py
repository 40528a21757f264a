"""`publish`: a message to a channel, or with --dry-run who would get it, and as what."""

from typing import Annotated, Any

import typer

from push_pipeline.cli.parameters import (
    App,
    At,
    Canary,
    DedupeKey,
    DryRun,
    Every,
    Json,
    Local,
    Over,
    PushType,
    Rate,
    Strict,
    UnknownPolicy,
    Until,
    Users,
    Watch,
    read_delivery,
    read_pair,
)
from push_pipeline.cli.times import span
from push_pipeline.clock import now_ms
from push_pipeline.content.languages import TEXT_HEADERS, read_texts
from push_pipeline.errors import EmptyMessage, InvalidParameter


def publish(
    channel: Annotated[
        str,
        typer.Argument(help="Made if it does not exist; may be left out, or empty, with --user."),
    ],
    message: Annotated[
        str | None, typer.Argument(help="The text of the notification.", show_default=False)
    ] = None,
    *,
    app: App = None,
    header: Annotated[
        list[str], typer.Option(metavar="NAME=VALUE", help="A header, such as ios-alert-title.")
    ] = [],  # noqa: B006 - typer copies it
    text: Annotated[
        list[str],
        typer.Option(
            metavar="LANG=TEXT",
            help="The message in a language, such as de=Hallo; MESSAGE is for all others."
            " LANG:HEADER=TEXT is a header in it.",
        ),
    ] = [],  # noqa: B006
    os: Annotated[
        list[str],
        typer.Option(metavar="IOS|ANDROID|OSX|WEB", help="Only devices with this system."),
    ] = [],  # noqa: B006
    device: Annotated[
        list[str], typer.Option(metavar="ID", help="Only this device of the channel.")
    ] = [],  # noqa: B006
    user: Users = [],  # noqa: B006 - typer copies it
    segment: Annotated[
        str | None, typer.Option(metavar="WHERE", help="Only devices that meet a where clause.")
    ] = None,
    at: At = None,
    local: Local = False,
    every: Every = None,
    until: Until = None,
    ttl: Annotated[
        str | None, typer.Option(metavar="1h", help="Keep it so long for a device that is away.")
    ] = None,
    rate: Rate = None,
    over: Over = None,
    canary: Canary = None,
    key: DedupeKey = None,
    json_message: Annotated[
        bool, typer.Option("--json-message", help="MESSAGE is a JSON value, not text.")
    ] = False,
    unknown_policy: UnknownPolicy = None,
    push_type: PushType = None,
    strict: Strict = False,
    watch: Watch = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Publish MESSAGE to the devices of CHANNEL, or of users, and print the message's id."""
    from push_pipeline import PublishOptions
    from push_pipeline import publish as publish_message
    from push_pipeline.cli.dry_run import show
    from push_pipeline.cli.receipt import tell
    from push_pipeline.publishing.draft import draft_message
    from push_pipeline.publishing.forecast import forecast

    where, words = _where_and_what(channel, message, user, app)
    content = _json_value(words) if json_message else words
    if not words.strip() and not header and push_type is None:
        raise EmptyMessage("the message is empty: a silent push takes a header that says so")
    headers = dict(read_pair("--header", pair) for pair in header)
    content, headers = in_languages(content, headers, text)
    said = PublishOptions(headers=headers)
    to = read_delivery(
        at,
        local=local,
        every=every,
        until=until,
        push_broadcast=os or None,
        push_singlecast=device or None,
        push_users=user or None,
        segment_query=segment,
        ttl=None if ttl is None else span(ttl),
        rate=rate,
        over=None if over is None else span(over),
        canary=canary,
        unknown_policy=unknown_policy,
        push_type=push_type,
    )
    if dry_run:
        draft = draft_message(where, content, said, to, strict=strict, now=now_ms())
        show(forecast(draft, app=app), as_json=as_json)
        return
    receipt = publish_message(where, content, said, to, app=app, dedupe_key=key, strict=strict)
    tell(receipt, watch=watch, as_json=as_json)


def _where_and_what(
    channel: str, message: str | None, users: list[str], app: str | None
) -> tuple[str | None, str]:
    """Return the channel, None where only users are named, and the text.

    Raises:
        InvalidParameter: the only word is a channel's name, so that its text may be forgotten.
    """
    if message is not None:
        return channel or None, message
    if not users:
        raise typer.BadParameter("write CHANNEL and MESSAGE, or MESSAGE and --user ID")
    if _is_a_channel(channel, app):
        raise InvalidParameter(
            f"{channel!r} is a channel, and the message is missing. If it is the message itself,"
            f" say so: push-pipeline publish '' {channel!r} --user ID"
        )
    return None, channel


def _is_a_channel(name: str, app: str | None) -> bool:
    from push_pipeline import db
    from push_pipeline.devices.channels import find_populated
    from push_pipeline.directory.apps import resolve_app

    with db.reading() as connection:
        app_id = resolve_app(connection, app)
        return bool(find_populated(connection, app_id, {name}))


def in_languages(
    message: Any, headers: dict[str, Any], texts: list[str]
) -> tuple[Any, dict[str, Any]]:
    """Return message and headers with texts in more languages; what there was is the default.

    Raises:
        InvalidParameter: one is not LANG=TEXT or LANG:HEADER=TEXT, its language is none, its
            header is no text, or there is no default for it.
    """
    said: dict[str, dict[str, str]] = {}
    for pair in texts:
        where, text = read_pair("--text", pair)
        language, _, name = where.partition(":")
        said.setdefault(name, {})[language] = text
    if data := said.keys() - TEXT_HEADERS - {""}:
        raise InvalidParameter(f"--text: the header {min(data)!r} is not shown as text")
    if "" in said:
        message = _with_default("MESSAGE", message, said.pop(""))
    return message, headers | {
        name: _with_default(f"--header {name}", headers.get(name), words)
        for name, words in said.items()
    }


def _with_default(name: str, default: object, texts: dict[str, str]) -> dict[str, str]:
    if not isinstance(default, str):
        raise InvalidParameter(f"--text needs a text in {name}: other languages get it")
    return read_texts("--text", {**texts, "default": default})


def _json_value(text: str) -> Any:
    from push_pipeline.options.json_values import parse_json

    try:
        return parse_json("the message", text.encode())
    except ValueError as wrong:
        raise InvalidParameter(f"the message is not JSON: {wrong}") from None

"""What several commands ask for, in the same words, and how it is read."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from push_pipeline.cli.times import moment, span
from push_pipeline.clock import now_ms
from push_pipeline.errors import InvalidParameter

if TYPE_CHECKING:
    from push_pipeline.options import DeliveryOptions

App = Annotated[str | None, typer.Option("--app", help="An app's id; the default app without it.")]
AppId = Annotated[str, typer.Argument(metavar="APP", help="The app's id.")]


def message_id(text: str) -> str:
    """Return a message's id in full, which may be given without the `message:` before it."""
    return text if ":" in text else f"message:{text}"


MessageId = Annotated[str, typer.Argument(help="What publish printed.", callback=message_id)]

At = Annotated[str | None, typer.Option(metavar="ISO|+10m", help="When, instead of now.")]
Local = Annotated[
    bool, typer.Option("--local", help="--at HH:MM is by the clock of each device's zone.")
]
Every = Annotated[str | None, typer.Option(metavar="1h", help="Repeat so often.")]
Until = Annotated[str | None, typer.Option(metavar="ISO|+7d", help="The end of the repeat.")]
Rate = Annotated[
    float | None, typer.Option(metavar="500", help="Send to so many devices a second.")
]
Over = Annotated[
    str | None, typer.Option(metavar="1h", help="Send to all within this time, evenly.")
]
Canary = Annotated[
    float | None,
    typer.Option(metavar="PERCENT", help="Send to so many first, then wait to be resumed."),
]
DedupeKey = Annotated[
    str | None,
    typer.Option(
        "--key",
        help="Dedupe key: the same key sends nothing again; +10m is the same whenever it is said.",
    ),
]
Users = Annotated[list[str], typer.Option("--user", metavar="ID", help="Only this user's devices.")]

Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse it if anything of it would have no effect.")
]

UnknownPolicy = Annotated[
    str | None,
    typer.Option(
        metavar="POLICY",
        help="Devices without an answer: once-if-collapsible, at-most-once or at-least-once.",
    ),
]

PushType = Annotated[
    str | None,
    typer.Option(
        metavar="TYPE",
        help="Of Apple's, as voip or widgets: to the devices registered with it, to no others.",
    ),
]

DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Only show who would get it, and as what; write nothing."),
]

Watch = Annotated[bool, typer.Option("--watch", help="Show progress until all is sent.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

Port = Annotated[
    int, typer.Option(min=0, max=65_535, help="Of what it serves; 0 takes a free one.")
]
LogLevel = Annotated[str, typer.Option(help="Of the logs: DEBUG, INFO, WARNING or ERROR.")]


def read_times(
    at: str | None, *, local: bool, every: str | None, until: str | None
) -> dict[str, Any]:
    """Return when a message goes out, by the names of `DeliveryOptions`; None is not said.

    With `local`, `at` is a time by the clock of each device.

    Raises:
        InvalidParameter: a time by the clock is wanted and none given, or one is none.
    """
    if local and at is None:
        raise InvalidParameter("--local needs --at HH:MM or --at YYYY-MM-DDTHH:MM")
    now = now_ms()
    return {
        "publish_at": None if at is None or local else moment(at, now),
        "publish_at_local": at if local else None,
        "repeat_every": None if every is None else span(every),
        "repeat_expires_at": None if until is None else moment(until, now),
    }


def read_delivery(
    at: str | None, *, local: bool, every: str | None, until: str | None, **others: Any
) -> "DeliveryOptions":
    """Return delivery options with times as they are typed, and what else is said.

    Raises:
        InvalidParameter: as `read_times`.
        RequestError: as `DeliveryOptions`.
    """
    from push_pipeline.options import DeliveryOptions

    to = DeliveryOptions(**others, **read_times(at, local=local, every=every, until=until))
    typed = {"publishAt": at, "repeatExpiresAt": until}
    return to.said_as({name: text for name, text in typed.items() if text and text[0] == "+"})


def read_pair(option: str, text: str) -> tuple[str, str]:
    """Read the NAME=VALUE of an option.

    Raises:
        InvalidParameter: it is none.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidParameter(f"{option} {name!r} has no value: write NAME=VALUE")
    return name, value

"""`devices`: a list of them read in, looked at by pages or one by one."""

from typing import Annotated

import typer

from push_pipeline.cli import imports
from push_pipeline.cli.output import console, note, print_json, print_row, printable, say
from push_pipeline.cli.parameters import App, Json
from push_pipeline.cli.times import past
from push_pipeline.clock import now_ms

group = typer.Typer(no_args_is_help=True, help="Devices.")


group.command("import")(imports.import_devices)

DeviceId = Annotated[str, typer.Argument(metavar="ID", help="The device's id.")]


@group.command("list")
def list_page(
    user: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this user's devices.")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="Only the devices of this channel.")] = None,
    os: Annotated[
        str | None, typer.Option(metavar="IOS|ANDROID|OSX|WEB", help="Only those of this system.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Most devices.")] = 50,
    after: Annotated[int, typer.Option(min=0, help="Go on where the page before ended.")] = 0,
    app: App = None,
    as_json: Json = False,
) -> None:
    """List devices, also those out of service, the oldest first. A token is shown by its end."""
    from push_pipeline import list_devices
    from push_pipeline.cli.device_view import draw_list

    page = list_devices(user=user, channel=channel, os=os, limit=limit, after=after, app=app)
    if as_json:
        print_json(page)
        return
    console.print(draw_list(page["devices"]) if page["devices"] else "no devices here")
    if page["next"] is not None:
        note(f"there may be more: --after {page['next']}")


@group.command("show")
def show(device_id: DeviceId, app: App = None, as_json: Json = False) -> None:
    """Show what is known of a device. Its token is shown by its end."""
    from push_pipeline import show_device
    from push_pipeline.cli.device_view import draw_one

    device = show_device(device_id, app=app)
    if as_json:
        print_json(device)
    else:
        console.print(draw_one(device))


@group.command("revive")
def revive(
    device_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="These devices.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="ISO|2h", help="All that were put out since then.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="REASON", help="All that were put out for it.")
    ] = None,
    app: App = None,
    as_json: Json = False,
) -> None:
    """Take devices back into service that were retired or quarantined, and say which and why.

    --since and --reason together narrow each other. A token that really is dead is put out again
    by the next push to it. JSON is a line for each device, as it was before.
    """
    from push_pipeline import revive_devices
    from push_pipeline.cli.device_view import out_of_service

    began = None if since is None else past(since, now_ms())
    count, more = 0, True
    while more:
        done = revive_devices(device_ids or None, since=began, reason=reason, app=app)
        count, more = count + len(done.devices), done.more
        for device in done.devices:
            print_row(device) if as_json else say(out_of_service(device))
        for device_id in done.unchanged:
            note(f"{printable(device_id)} is not out of service")
    note(f"{count:,} devices are in service again")


@group.command("forget")
def forget(device_id: DeviceId, app: App = None, as_json: Json = False) -> None:
    """Remove a device and its id, also from messages that were addressed to listed devices.

    The counts of the ledger stay, without it. A phone that registers again is a new device.
    """
    from push_pipeline import forget_device

    done = forget_device(device_id, app=app)
    if as_json:
        print_json({"devices": done.devices, "renamed": done.renamed})
    else:
        say(f"forgotten, with its name in {done.renamed:,} messages")

"""`cancel`, `pause`, `resume`: an operator's hand on a message, before and in the middle of it."""

from typing import Annotated

import typer

from push_pipeline.cli.output import print_json, say
from push_pipeline.cli.parameters import App, Json, MessageId, Watch
from push_pipeline.errors import MissingParameter


def cancel(message_id: MessageId, app: App = None) -> None:
    """End a delayed, repeating or running message for good.

    What was not sent yet ends as `cancelled` in the ledger; requests in flight are still
    counted when they are answered.
    """
    from push_pipeline import cancel as cancel_message

    cancel_message(message_id, app=app)
    say(f"cancelled: {message_id}")


def pause(message_id: MessageId, app: App = None) -> None:
    """Stop a message where it is, on all workers within a second; `resume` goes on."""
    from push_pipeline import pause as pause_message

    pause_message(message_id, app=app)
    say(f"paused: {message_id}")


def resume(message_id: MessageId, app: App = None) -> None:
    """Go on with a message that was paused, or stopped because too many tokens were refused.

    The guard does not stop it again, so tokens that are refused now are put out of service:
    check the credentials first. No device gets a second copy for it.
    """
    from push_pipeline import resume as resume_message

    resume_message(message_id, app=app)
    say(f"goes on: {message_id}")


def resend(
    message_id: MessageId,
    *,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="To devices that no answer came for: say it.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many that are; write nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    watch: Watch = False,
    app: App = None,
    as_json: Json = False,
) -> None:
    """Send a message again to its devices that ended as `unknown`, and print the new one's id.

    Some of them may have it already: they get a second copy, counted as `resent`.
    """
    from push_pipeline import resend as send_again
    from push_pipeline.cli.receipt import tell
    from push_pipeline.publishing.resend import count_resendable

    if not unknown:
        raise MissingParameter("say to whom: --unknown means the devices that no answer came for")
    count = count_resendable(message_id, app=app)
    if dry_run:
        told = {"messageId": message_id, "resendable": count}
        print_json(told) if as_json else say(f"{count:,} devices would be sent to again")
        return
    if not yes:
        question = f"Send it again to {count:,} devices? Some may get a second copy."
        typer.confirm(question, abort=True, err=True)
    tell(send_again(message_id, app=app), watch=watch, as_json=as_json)

"""`cancel`, `pause`, `resume`: an operator's hand on a message, before and in the middle of it."""

from typing import Annotated

import typer

from push_pipeline.cli.ledger import MessageId
from push_pipeline.cli.output import say
from push_pipeline.publishing import control

App = Annotated[str | None, typer.Option("--app", help="The app's id; the default app without.")]


def cancel(message_id: MessageId, app: App = None) -> None:
    """End a delayed, repeating or running message for good.

    What was not sent yet ends as `cancelled` in the ledger; requests in flight are still
    counted when they are answered.
    """
    control.cancel(message_id, app=app)
    say(f"cancelled: {message_id}")


def pause(message_id: MessageId, app: App = None) -> None:
    """Stop a message where it is, on all workers within a second; `resume` goes on."""
    control.pause(message_id, app=app)
    say(f"paused: {message_id}")


def resume(message_id: MessageId, app: App = None) -> None:
    """Go on with a message that was paused, or stopped because too many tokens were refused.

    The guard does not stop it again, so tokens that are refused now are put out of service:
    check the credentials first. No device gets a second copy for it.
    """
    control.resume(message_id, app=app)
    say(f"goes on: {message_id}")

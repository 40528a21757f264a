"""`cancel`, `pause`, `resume`: an operator's hand on a message, before and in the middle of it."""

from push_pipeline.cli.output import say
from push_pipeline.cli.parameters import App, MessageId


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

"""cancel, pause and resume: one transaction each, effective between two slices everywhere."""

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import resolve_app
from push_pipeline.errors import NotCancellable
from push_pipeline.ledger import intervention
from push_pipeline.ledger.messages import Receipt
from push_pipeline.ledger.state_machine import MessageState


def cancel(message_id: str, *, app: str | None = None) -> Receipt:
    """End a delayed, repeating or running message for good.

    On return no further slice of it is begun; requests in flight may still be answered, and
    the ledger counts them. What was not sent ends as `cancelled`.

    Raises:
        NotCancellable: the id is unknown, or it was cancelled or finished before (code 5040).
    """
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        if not intervention.cancel_message(connection, app_id, message_id, now_ms()):
            raise NotCancellable
    return Receipt(message_id, MessageState.CANCELLED)


def pause(message_id: str, *, app: str | None = None) -> None:
    """Stop a message where it is; nothing of it is lost, `resume` goes on.

    Raises:
        NotCancellable: nothing of it is going on or waiting.
    """
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        if not intervention.pause_message(connection, app_id, message_id):
            raise NotCancellable("nothing of this message is going on or waiting")


def resume(message_id: str, *, app: str | None = None) -> None:
    """Let a paused message go on. Every device that has its push already gets no other one.

    Raises:
        NotCancellable: it is not paused.
    """
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        if not intervention.resume_message(connection, app_id, message_id):
            raise NotCancellable("this message is not paused")

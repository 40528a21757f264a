"""Task messages that nobody can read: set aside for an operator and counted, never swallowed.

Celery's consumer acknowledges or rejects them with a log line, which on Redis means that they
are gone; and an entry that is not even kombu's envelope ends the worker.
"""

import base64
import json
import uuid
from collections.abc import Callable
from typing import Any

from celery.worker.consumer import Consumer as CeleryConsumer
from kombu.exceptions import ContentDisallowed, DecodeError
from kombu.transport import redis as redis_transport

from push_pipeline import db, telemetry
from push_pipeline.clock import now_ms
from push_pipeline.directory.dead_letters import keep_dead_letter

#: Bytes of a message that are kept. Ours are below two kilobytes.
KEPT_BYTES = 65_536

#: Nobody can decode it, so that the consumer's own handling of such messages takes over.
UNREADABLE = "application/x-unreadable"

#: What Celery raises on message fields of a kind that it does not expect.
_MALFORMED = (AttributeError, LookupError, TypeError, ValueError)


def keep(queue: str, reason: str, body: object) -> None:
    """Store a message that could not be read, and count it.

    Durable on return. A database that is away raises: then the message is not acknowledged and
    comes again.
    """
    raw = body if isinstance(body, bytes) else str(body).encode()
    with db.writing() as connection:
        keep_dead_letter(connection, queue, reason, raw[:KEPT_BYTES], now_ms())
    telemetry.dead_letter_kept(queue, reason)


class Consumer(CeleryConsumer):  # type: ignore[misc]  # celery has no types
    """Celery's consumer, but what it cannot read is kept."""

    def create_task_handler(self, *args: Any, **keywords: Any) -> Callable[[Any], None]:
        """Return what is called with each message; no message makes it raise.

        Celery's own handler lets through what only a child would stumble over, and ends the
        worker over headers that it does not expect.
        """
        receive = super().create_task_handler(*args, **keywords)

        def receive_or_keep(message: Any) -> None:
            try:
                if _is_call(message.payload):
                    receive(message)
                else:
                    self.on_unknown_message(None, message)
            except (ContentDisallowed, DecodeError) as error:
                self.on_decode_error(message, error)
            except _MALFORMED as error:
                self.on_invalid_task(None, message, error)

        return receive_or_keep

    def on_decode_error(self, message: Any, exc: BaseException) -> None:
        """Keep a message whose body or content type cannot be decoded."""
        self._keep(message, f"cannot be decoded: {type(exc).__name__}")

    def on_unknown_message(self, _body: object, message: Any) -> None:
        """Keep a message that is not a task."""
        self._keep(message, "is not a task message")

    def on_unknown_task(self, _body: object, message: Any, _exc: BaseException) -> None:
        """Keep a message for a task that this release does not know."""
        self._keep(message, "names an unknown task")

    def on_invalid_task(self, _body: object, message: Any, exc: BaseException) -> None:
        """Keep a message that Celery refuses to run."""
        self._keep(message, f"is not a valid task message: {type(exc).__name__}")

    def _keep(self, message: Any, reason: str) -> None:
        queue = message.delivery_info.get("routing_key") or "unknown"
        keep(queue, reason, message.body)
        message.ack()


def readable(text: str) -> Any:
    """Read an entry of Redis, wrapping what is no envelope so that it can be set aside.

    kombu reads two kinds through one function: envelopes from the queues' lists, and (envelope,
    exchange, routing key) from the hash of messages that a lost worker never acknowledged.
    """
    try:
        entry = json.loads(text)
    except ValueError:
        return _wrapped(text)
    if _is_envelope(entry) or _is_unacknowledged(entry):
        return entry
    return _wrapped(text)


def _is_envelope(entry: Any) -> bool:
    """Check what kombu takes for granted, outside of any handler of ours."""
    try:
        properties = entry["properties"]
        base64.b64decode(entry["body"])
        address = properties["delivery_info"]
        return (
            isinstance(properties["delivery_tag"], str)
            and properties["body_encoding"] == "base64"
            and isinstance(entry["headers"], dict)
            and {"exchange", "routing_key"} <= address.keys()
        )
    except _MALFORMED:
        return False


def _is_call(payload: Any) -> bool:
    """Check for a task's arguments: positional ones, named ones, and Celery's own."""
    return (
        isinstance(payload, list)
        and [type(part) for part in payload[:2]] == [list, dict]
        and len(payload) == 3  # noqa: PLR2004 - the three of the first line
    )


def _is_unacknowledged(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) == 3 and _is_envelope(entry[0])  # noqa: PLR2004 - see `readable`


def _wrapped(text: str) -> dict[str, Any]:
    return {
        "body": base64.b64encode(text.encode()).decode(),
        "content-type": UNREADABLE,
        "content-encoding": "binary",
        "headers": {},
        "properties": {
            "delivery_tag": str(uuid.uuid4()),
            "delivery_info": {"exchange": "", "routing_key": "unreadable"},
            "body_encoding": "base64",
        },
    }


def install() -> None:
    """Read Redis entries through `readable`.

    kombu has no seam for it: the entry is taken off the list and parsed in one method, and a
    subclass would have to repeat that method with its internals.
    """
    redis_transport.loads = readable  # type: ignore[attr-defined,assignment]

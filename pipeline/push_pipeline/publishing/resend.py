"""resend: a message once more, as one of its own, to its devices that no answer came for."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import resolve_app
from push_pipeline.directory.provider_routes import apple_environments
from push_pipeline.errors import NothingToResend
from push_pipeline.ledger import resending
from push_pipeline.ledger.messages import Receipt, new_message_id
from push_pipeline.ledger.resending import Unanswered
from push_pipeline.ledger.state_machine import MessageState
from push_pipeline.ledger.values import NewBatch
from push_pipeline.platform import route_environment
from push_pipeline.publishing.draft import NOW_OR_NEVER_MS
from push_pipeline.settings import get_settings


def resend(message_id: str, *, app: str | None = None) -> Receipt:
    """Send a message again to its devices whose delivery ended as `unknown`.

    It becomes a message of its own, linked to the first one: both ledgers name the other. A
    device that was never asked again may have the push already; its second copy replaces the
    first where the provider can fold them, and is counted as `resent`. Of a repeat the runs
    count that have ended. Each device is sent to again once: what that leaves without an answer
    is sent again by resending the new message. The next tick wakes the workers.

    Raises:
        NothingToResend: there is no such message, it was cancelled, or no such device of it is
            there (code 5043); `PIPELINE_LEDGER=none` keeps none.
    """
    now = now_ms()
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        original = resending.lock_original(connection, app_id, message_id)
        found = [] if original is None else resending.find_unanswered(connection, message_id, now)
        if original is None or not found:
            raise NothingToResend
        new_id = new_message_id()
        ttl_ms = original.delivery_options.ttl_seconds * 1000 or NOW_OR_NEVER_MS
        largest = get_settings().batch_size
        bulk = len(found) > largest
        run = {"expires_at": now + ttl_ms, "audience": len(found), "bulk": bulk}
        run_id = resending.insert_resend(connection, new_id, original, run, now)
        default = next(iter(apple_environments(connection, app_id)), "production")
        planned = plan_again(run_id, found, default, largest, now)
        resending.insert_resent(connection, planned)
    return Receipt(new_id, MessageState.SCHEDULED)


def count_resendable(message_id: str, *, app: str | None = None) -> int:
    """Count the devices that `resend` would send to.

    Raises:
        NothingToResend: the app has no such message.
    """
    with db.reading() as connection:
        if not resending.is_known(connection, resolve_app(connection, app), message_id):
            raise NothingToResend(f"no message has the id {message_id!r}")
        return resending.count_unanswered(connection, message_id, now_ms())


def plan_again(
    run_id: int, found: Sequence[Unanswered], default: str, largest: int, now: int
) -> list[NewBatch]:
    """Cut devices into batches of one route each: any may have its push, and its badge counts."""
    routes: dict[tuple[str, str], list[int]] = defaultdict(list)
    for key, platform, environment, kind in found:
        routes[platform, route_environment(kind, environment, default)].append(key)
    bulk = len(found) > largest
    return [
        NewBatch(run_id, platform, environment, part, bulk, now, doubtful=True, badged=len(part))
        for (platform, environment), keys in routes.items()
        for part in _cut(keys, largest)
    ]


def _cut(keys: list[int], largest: int) -> Iterator[list[int]]:
    return (keys[start : start + largest] for start in range(0, len(keys), largest))

"""Messages: publish, ask, cancel, read the ledger."""

from dataclasses import replace
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from push_pipeline import cancel, db, tracing
from push_pipeline.clock import now_ms
from push_pipeline.errors import EmailNotConfigured, InvalidParameter, NotCancellable
from push_pipeline.gateway import requests
from push_pipeline.gateway.auth import Asking, Publishing, asking_by, publisher
from push_pipeline.gateway.batcher import Batcher
from push_pipeline.gateway.body import JsonObject, as_utf8, object_in, read_body, read_object
from push_pipeline.gateway.idempotency import (
    IdempotencyKey,
    key_of,
    read_key,
    replayed,
    say_if_replayed,
)
from push_pipeline.gateway.local_times import OF_PUBLISH, in_zone
from push_pipeline.gateway.paths import Named, decode
from push_pipeline.gateway.permissions import Caller
from push_pipeline.gateway.recipients import (
    read_delivery,
    read_strict,
    read_users,
    warnings_of_empty,
)
from push_pipeline.gateway.short_way import as_json
from push_pipeline.gateway.straight_way import SMALL_MAX, Asked, Plan, Told
from push_pipeline.gateway.wire import MessageStatus, status_text
from push_pipeline.ledger.messages import Receipt
from push_pipeline.ledger.status import find_channel, find_receipt, read_ledger
from push_pipeline.ledger.views import Ledger
from push_pipeline.options import EVERY_CHANNEL, PublishOptions, check_message
from push_pipeline.publishing.dedupe import DedupeKey
from push_pipeline.publishing.draft import Draft, draft_message
from push_pipeline.publishing.write import write_all

router = APIRouter(tags=["messages"])


@router.post("/messaging/email", include_in_schema=False)
@router.post("/emailtemplate/send", include_in_schema=False)
def send_email(asking: Asking) -> None:
    """Refuse to send an e-mail, in the API's words."""
    asking.require_some()
    raise EmailNotConfigured


@router.post("/console/messaging/{channel}", include_in_schema=False)
@router.post("/messaging/{channel}", openapi_extra=requests.PUBLISH)
async def publish_message(
    request: Request,
    channel: Named,
    asking: Publishing,
    body: JsonObject,
    dedupe_key: IdempotencyKey,
    response: Response,
) -> MessageStatus:
    """Publish to a channel.

    The answer means that the message is stored and will be sent. A request with the same
    `Idempotency-Key` as an earlier one, by the same API key, gets its answer with the header
    `Idempotent-Replayed` and sends nothing again; one that asks for something else is refused.
    """
    receipt = await _publish(request, channel, asking, body, dedupe_key)
    say_if_replayed(response, receipt)
    return MessageStatus.of(receipt)


async def publish_shortly(request: Request) -> Response:
    """Publish to a channel, as `publish_message` does, on the short way."""
    asking = await publisher(request, await asking_by(request))
    body = await read_object(await read_body(request))
    dedupe_key = await read_key(asking, request.headers.get("idempotency-key"))
    channel = decode(request.path_params["channel"])
    receipt = await _publish(request, channel, asking, body, dedupe_key)
    return as_json(MessageStatus.of(receipt), replayed(receipt))


def plan_publish(asked: Asked) -> Plan | None:
    """Plan a publish to a channel, as `publish_message` does it, on the straight way."""
    asking, channel = asked.asking, decode(asked.name)
    if asking.has_pace:  # which is counted elsewhere
        return None
    asking.require_publish(channel)
    body = object_in(as_utf8(asked.body))
    dedupe_key = key_of(asking, asked.header(b"idempotency-key"))
    draft = _draft(channel, body, dedupe_key, asking.time_zone)
    asking.require_delivery(draft.to)
    if draft.looks_at_its_audience:
        return None
    return Plan(draft.of_app(asking.app_id, trusted=asking.is_admin), _told)


def _told(receipt: Receipt) -> Told:
    headers = ((name.lower().encode(), value.encode()) for name, value in replayed(receipt).items())
    return Told(HTTPStatus.OK, status_text(receipt), headers)


async def _publish(
    request: Request, channel: str, asking: Caller, body: JsonObject, dedupe_key: DedupeKey | None
) -> Receipt:
    asking.require_publish(channel)
    packed = "content-encoding" in request.headers  # of any length, however little was sent
    weight = SMALL_MAX if packed else int(request.headers.get("content-length", SMALL_MAX))
    drafting = partial(_draft, channel, body, dedupe_key, asking.time_zone)
    draft = drafting() if weight < SMALL_MAX else await run_in_threadpool(drafting)
    asking.require_delivery(draft.to)
    return await _write(request, draft.of_app(asking.app_id, trusted=asking.is_admin))


@router.post(
    "/messaging/users/{user_id:path}",
    openapi_extra=requests.PUBLISH,
    summary="Publish to the devices of a user",
)
async def publish_to_user(
    request: Request,
    user_id: Named,
    asking: Publishing,
    body: JsonObject,
    dedupe_key: IdempotencyKey,
    response: Response,
) -> MessageStatus:
    """Publish to the devices of a user, whatever channels they are in.

    Whoever asks must be allowed to publish to all channels.
    """
    asking.require_publish(EVERY_CHANNEL)
    if read_users(body) is not None:
        raise InvalidParameter("pushUsers is for a channel: here the path names the user")
    draft = _draft(None, {**body, "pushUsers": [user_id]}, dedupe_key, asking.time_zone)
    asking.require_delivery(draft.to)
    receipt = await _write(request, draft.of_app(asking.app_id, trusted=asking.is_admin))
    say_if_replayed(response, receipt)
    return MessageStatus.of(receipt)


def _draft(channel: str | None, body: JsonObject, dedupe_key: DedupeKey | None, zone: str) -> Draft:
    read_users(body)
    body, dated = in_zone(body, OF_PUBLISH, zone)
    draft = draft_message(
        channel,
        check_message(body, pushed=False),  # null is refused after the options
        PublishOptions.from_wire(body),
        read_delivery(body),
        dedupe_key=dedupe_key,
        strict=read_strict(body),
        now=now_ms(),
    )
    told = (*warnings_of_empty(body), *dated)
    return replace(draft, warnings=(*draft.warnings, *told)) if told else draft


async def _write(request: Request, draft: Draft) -> Receipt:
    with tracing.publish(request.headers.get("traceparent")) as traceparent:
        traced = replace(draft, traceparent=traceparent) if traceparent else draft
        return await _write_together(request, traced)


async def _write_together(request: Request, draft: Draft) -> Receipt:
    if draft.looks_at_its_audience:  # which takes its time: others must not wait for it
        [receipt] = await run_in_threadpool(write_all, [draft])
        return receipt
    publishing: Batcher[Draft, Receipt] = request.app.state.publishing
    return await publishing.do(draft)


@router.get("/messaging/{message_id}")
def message_status(message_id: Named, asking: Asking) -> MessageStatus:
    """Tell what has become of a message. An id that nobody knows has the status `unknown`."""
    asking.require("read")
    with db.reading() as connection:
        return MessageStatus.of(find_receipt(connection, asking.app_id, message_id))


@router.delete("/messaging/{message_id}")
def cancel_message(message_id: Named, asking: Asking) -> MessageStatus:
    """Cancel a message that is delayed, repeating or still being sent.

    Whoever may publish to its channel may do so.
    """
    asking.require_publishing()
    with db.reading() as connection:
        channel = find_channel(connection, asking.app_id, message_id)
    if channel is None:
        raise NotCancellable
    asking.require_publish(channel)
    return MessageStatus.of(cancel(message_id, app=asking.app_id))


@router.get("/messaging/{message_id}/ledger")
def message_ledger(message_id: Named, asking: Asking) -> Ledger:
    """Count what has become of each device of a message's audience, run by run.

    Only with a key: counts of audiences tell of people.
    """
    asking.require_key()
    asking.require("read")
    with db.reading() as connection:
        return read_ledger(connection, message_id, app_id=asking.app_id)

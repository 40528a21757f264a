"""push_with_template: a stored template → a message, frozen and written as any other."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session, scoped_session

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.content.apple import typed
from push_pipeline.directory.apps import resolve_app
from push_pipeline.directory.templates import PUSH, get_template, looks_for
from push_pipeline.ledger.messages import Receipt
from push_pipeline.options import DeliveryOptions, PublishOptions
from push_pipeline.options.broadcast import read_broadcast
from push_pipeline.platform import Platform
from push_pipeline.publishing.dedupe import DedupeKey, key_of_host
from push_pipeline.publishing.draft import (
    Draft,
    UserIds,
    freeze_wordings,
    in_languages,
    once,
    to_users,
    warnings_of_delivery,
)
from push_pipeline.publishing.recorder import check_broker
from push_pipeline.publishing.write import write
from push_pipeline.template import composing
from push_pipeline.template.device_facing import for_device
from push_pipeline.template.smart_text import fill_clause
from push_pipeline.template.stored import PushTemplate
from push_pipeline.template.wording import Wording
from push_pipeline.whereclause import check_segment

Values = Mapping[str, str | int | float | bool | None]


def push_with_template(  # noqa: PLR0913 - every one of them is the API's
    name: str,
    template_values: Values | None = None,
    *,
    app: str | None = None,
    dedupe_key: str | None = None,
    publish_at: datetime | int | str | None = None,
    publish_at_local: time | datetime | str | None = None,
    repeat_every: timedelta | int | None = None,
    repeat_expires_at: datetime | int | str | None = None,
    session: Session | scoped_session[Session] | None = None,
    users: UserIds | None = None,
    unknown_policy: str | None = None,
    push_type: str | None = None,
    strict: bool = False,
) -> Receipt:
    """Push a stored template to the devices that it is for.

    The template is read and filled now: what is done to it later changes nothing of this push,
    delayed or repeated. Words of the devices' users are filled in when each is sent to, and the
    audience is that of the time of sending. Durability, `dedupe_key` and `session` are as for
    `publish`.

    Args:
        name: the template's name.
        template_values: values of its variables, by name.
        app: an app's id; the default app without it.
        dedupe_key: as for `publish`; the template's name and values count.
        publish_at: an aware datetime, epoch milliseconds or ISO 8601; now without it.
        publish_at_local: instead, a time that each device is sent to at in its own zone.
        repeat_every: a timedelta or seconds.
        repeat_expires_at: as `publish_at`; until cancelled without it.
        session: write in this SQLAlchemy session's transaction; the wake-up follows its commit.
        users: of the template's audience, only the devices of these users.
        unknown_policy: whether a device without an answer is sent to again.
        push_type: one of Apple's beside alerts; to the devices that registered with it alone.
        strict: refuse it where anything of it has no effect, or another one.

    Raises:
        StrictRefusal: it is strict, and the receipt would have warnings (code 8008).
        EmptyAudience: `users` is a list without anybody (code 8008).
        UnknownTemplate: there is none of this name (code 5060).
        DedupeKeyReused: the key was used for another message (code 5061).
        MissingParameter: a variable has no value; it is named (code 8007).
        RequestError: a typed error with the API's code; nothing was written.
        SetupError: the database or a setting; nothing was written.
    """
    when = DeliveryOptions(
        publish_at=publish_at,
        publish_at_local=publish_at_local,
        repeat_every=repeat_every,
        repeat_expires_at=repeat_expires_at,
        unknown_policy=unknown_policy,
        push_type=push_type,
    )
    return push_stored(
        name,
        template_values,
        to_users(when, users),
        app=app,
        dedupe_key=key_of_host(dedupe_key),
        session=session,
        strict=strict,
    )


def push_stored(
    name: str,
    template_values: Values | None,
    to: DeliveryOptions,
    *,
    app: str | None = None,
    dedupe_key: DedupeKey | None = None,
    session: Session | scoped_session[Session] | None = None,
    strict: bool = False,
) -> Receipt:
    """Push a stored template to those of its audience that `to` is for; as `push_with_template`.

    Raises:
        RequestError: a typed error with the API's code; nothing was written.
        SetupError: the database or a setting; nothing was written.
    """
    check_broker()
    draft = draft_stored(
        name,
        template_values,
        to,
        app=app,
        dedupe_key=dedupe_key,
        session=session,
        strict=strict,
    )
    return write(draft, app=app, session=session)


def draft_stored(
    name: str,
    template_values: Values | None,
    to: DeliveryOptions,
    *,
    app: str | None = None,
    dedupe_key: DedupeKey | None = None,
    session: Session | scoped_session[Session] | None = None,
    strict: bool = False,
) -> Draft:
    """Fill a stored template and check all of the push; nothing is written.

    Raises:
        UnknownTemplate: there is none of this name.
        RequestError: as `draft_template`.
    """
    template = find_template(name, app=app, session=session)
    return draft_template(template, template_values, to, dedupe_key, strict=strict)


def find_template(
    name: str, *, app: str | None, session: Session | scoped_session[Session] | None = None
) -> PushTemplate:
    """Read a stored template.

    Raises:
        UnknownTemplate: there is none of this name.
    """
    with _reading(session) as connection:
        return get_template(connection, resolve_app(connection, app), PUSH, name)


def push_immediately(
    template: Mapping[str, Any],
    template_values: Values | None = None,
    *,
    app: str | None = None,
    dedupe_key: DedupeKey | None = None,
    session: Session | scoped_session[Session] | None = None,
    users: UserIds | None = None,
) -> Receipt:
    """Push a template that is not stored: it travels with the push, so that devices can show it.

    `template` is a document as for a stored one; its name may be missing. The rest is as for
    `push_with_template`.

    Raises:
        RequestError: a typed error with the API's code; nothing was written.
        SetupError: the database or a setting; nothing was written.
    """
    check_broker()
    checked = PushTemplate.read(template)
    with _reading(session) as connection:
        app_id = resolve_app(connection, app)
        brought = {
            platform: for_device(checked, platform, looks_for(connection, app_id, platform))
            for platform in checked.reached
        }
    to = to_users(DeliveryOptions(), users)
    draft = draft_template(checked, template_values, to, dedupe_key, brought)
    return write(draft, app=app, session=session)


def draft_template(
    template: PushTemplate,
    values: Values | None,
    to: DeliveryOptions,
    dedupe_key: DedupeKey | None,
    brought: Mapping[Platform, Mapping[str, Any]] | None = None,
    *,
    strict: bool = False,
) -> Draft:
    """Fill a template and check all of the push, to whom of its audience `to` is for.

    Raises:
        RequestError: a typed error with the API's code.
    """
    said = PublishOptions(template_values=values)
    words = in_languages(
        composing.languages(template),
        lambda one: freeze_wordings(
            _typed(composing.compose(template, said.template_values, brought, one), to)
        ),
    )
    content = {"template": template.name, **said.to_json(), **words.content}
    narrowed = {
        "push_broadcast": read_broadcast(template.reached) & to.push_broadcast,
        "segment_query": _both(template.segment_query, to.segment_query, said.template_values),
    }
    meant = to.of_type().model_copy(update=narrowed)
    return Draft(
        template.channel_name,
        content,
        meant,
        once(dedupe_key, to, template=_asked(template, brought), values=said.said()),
        now_ms(),
        warnings=(*words.warnings, *warnings_of_delivery(meant)),
        too_large=words.too_large,
        strict=strict,
    )


def _typed(wordings: Mapping[Platform, Wording], to: DeliveryOptions) -> dict[Platform, Wording]:
    """Return the wordings of a push type of Apple's, or of what devices show where it has none."""
    return {
        platform: replace(wording, headers=typed(wording.headers, to.push_type))
        for platform, wording in wordings.items()
        if to.push_type is None or platform in to.platforms
    }


def _asked(template: PushTemplate, brought: object) -> object:
    """Return what names a template: its name, or where it is not stored all of it."""
    return template.name if brought is None else template.model_dump(exclude_defaults=True)


def _both(clause: str | None, other: str | None, values: Mapping[str, str]) -> str | None:
    """Fill two where clauses and join them: who is meant must meet both.

    Each is parsed by itself first, so that a parenthesis in one cannot end the other.
    """
    filled = [fill_clause(one, values) for one in (clause, other) if one is not None]
    if len(filled) <= 1:
        return filled[0] if filled else None
    for one in filled:
        check_segment(one)
    return " AND ".join(f"({one})" for one in filled)


@contextmanager
def _reading(session: Session | scoped_session[Session] | None) -> Iterator[Connection]:
    """Read in the caller's transaction, which sees what it has just written, or in one of ours."""
    if session is not None:
        yield session.connection()
        return
    with db.reading() as connection:
        yield connection

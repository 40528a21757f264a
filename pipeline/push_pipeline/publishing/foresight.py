"""What the database knows of drafts before they are written: that nobody is there to get them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from push_pipeline.audience import find_missing, has_anybody, may_have, select_for
from push_pipeline.credentials import certificate_end
from push_pipeline.db import Connection
from push_pipeline.devices.channels import find_neighbours, find_populated
from push_pipeline.directory.apps import needs_sdk_copy
from push_pipeline.directory.provider_routes import apple_environments, find_credential
from push_pipeline.errors import InvalidParameter
from push_pipeline.field_warning import FieldWarning
from push_pipeline.ledger.messages import NOBODY_NAMED_IS_THERE
from push_pipeline.options import EVERY_CHANNEL, DeliveryOptions
from push_pipeline.options.channel import near_name
from push_pipeline.platform import Platform
from push_pipeline.publishing.draft import Draft
from push_pipeline.push_type import PUSH_TYPES
from push_pipeline.settings import get_settings

#: Names of devices that are looked up while the publisher waits; of more than these the ledger
#: tells who was missing.
NAMES_MAX = 1_000

#: An app's id and the name of a channel of it.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a draft will not do, as things stand."""

    warnings: tuple[FieldWarning, ...] = ()
    not_found: tuple[str, ...] = ()  # of the devices that it names
    failure: str | None = None  # why it reaches nobody
    populated: bool = False  # whether somebody is in its channel; False also where nobody asked


def foresee(connection: Connection, drafts: Sequence[Draft], now: int) -> list[Foresight]:
    """Look at whom drafts, each with its app's id, are for: a few indexed look-ups for all.

    Raises:
        InvalidParameter: one is of a push type that the app's certificates cannot send.
        PayloadTooLarge: one is too large for a platform that somebody may have.
        StrictRefusal: one is strict, and has warnings.
    """
    populated = _populated(connection, drafts)
    empty = _empty(connection, drafts, populated)
    foreseen = []
    for draft in drafts:
        _require_key(connection, draft)
        place = (draft.app_id, draft.channel)
        known = Foresight(populated=place in populated)
        if _asks_who_is_in(draft) and not known.populated:
            known = replace(known, warnings=(empty[place],))
        if draft.too_large.usual:
            known = _judge_sizes(connection, draft, known, now)
        if _starts_on_users(draft, now):
            known = _look_for_a_token(connection, draft, known, now)
        if _can_tell_who_is_missing(draft, now):
            known = _look_for_devices(connection, draft, known, now)
        draft.refuse_if_strict(known.warnings)
        foreseen.append(known)
    return foreseen


def _populated(connection: Connection, drafts: Sequence[Draft]) -> set[Place]:
    named: dict[str, set[str]] = {}
    for draft in drafts:
        if _asks_who_is_in(draft):
            named.setdefault(draft.app_id, set()).add(draft.channel)
    return {
        (app_id, name)
        for app_id, names in named.items()
        for name in find_populated(connection, app_id, names)
    }


def _require_key(connection: Connection, draft: Draft) -> None:
    push_type = PUSH_TYPES.get(draft.to.push_type or "")
    secret = get_settings().secret_key
    if push_type is None or not push_type.by_key_alone or secret is None:
        return
    sealed = (
        find_credential(connection, draft.app_id, "apns", environment)
        for environment in apple_environments(connection, draft.app_id)
    )
    ways = [certificate_end(secret.get_secret_value(), one) for one in sealed if one is not None]
    if ways and None not in ways:
        raise InvalidParameter(
            f"pushType {push_type.name}: Apple takes it by a p8 key alone, not by a certificate"
        )


def _asks_who_is_in(draft: Draft) -> bool:
    return draft.channel != EVERY_CHANNEL and bool(draft.to.platforms)


def _empty(
    connection: Connection, drafts: Sequence[Draft], populated: set[Place]
) -> dict[Place, FieldWarning]:
    """Say of each channel that nobody is in what its publishers are told, however many they are."""
    asked = dict.fromkeys((one.app_id, one.channel) for one in drafts if _asks_who_is_in(one))
    return {place: _nobody_in(connection, *place) for place in asked if place not in populated}


def _nobody_in(connection: Connection, app_id: str, channel: str) -> FieldWarning:
    near = near_name(channel, find_neighbours(connection, app_id, channel))
    hint = f", did you mean {near!r}?" if near is not None else ""
    return FieldWarning("channel", f"nobody is in {channel!r}{hint}")


def _judge_sizes(connection: Connection, draft: Draft, known: Foresight, now: int) -> Foresight:
    """Refuse what is too large for somebody; tell of the platforms that nobody there has."""
    selection = select_for(draft.app_id, draft.channel, draft.to)
    copied = needs_sdk_copy(connection, draft.app_id)
    limited = draft.too_large.usual if copied else draft.too_large.once
    asked = [platform for platform in limited if platform in draft.to.platforms]
    if len(asked) == len(draft.to.platforms):
        draft.refuse_as_too_large(asked)
    there = [platform for platform in asked if may_have(connection, selection, platform, now)]
    draft.refuse_as_too_large(there)
    # Whoever publishes to all systems knows nothing of browsers where there are none.
    named = [platform for platform in asked if platform is not Platform.WEB]
    told = (f"too large for {platform}, which nobody there has" for platform in named)
    return replace(
        known, warnings=(*known.warnings, *(FieldWarning("message", one) for one in told))
    )


def _is_for_now(to: DeliveryOptions, now: int) -> bool:
    """Tell whether it is: what is for later is judged when it is sent."""
    return to.publish_at_local is None and (to.publish_at_ms or now) <= now


def _starts_on_users(draft: Draft, now: int) -> bool:
    """Tell whether it starts an activity now on the devices of few users."""
    to = draft.to
    if to.activity is None or not to.activity.starts or not to.platforms:
        return False
    return _is_for_now(to, now) and not to.device_ids and 0 < len(to.user_ids) <= NAMES_MAX


def _look_for_a_token(
    connection: Connection, draft: Draft, known: Foresight, now: int
) -> Foresight:
    selection = select_for(draft.app_id, draft.channel, draft.to)
    if has_anybody(connection, selection, now):
        return known
    told = FieldWarning("users", f"no device of theirs has reported {_token_for(draft)}")
    return replace(known, warnings=(*known.warnings, told))


def _token_for(draft: Draft) -> str:
    type_ = draft.to.activity.attributes_type if draft.to.activity else None
    return f"a push-to-start token for {type_!r}"


def _can_tell_who_is_missing(draft: Draft, now: int) -> bool:
    """Tell whether it names few devices, and is for now."""
    to = draft.to
    return bool(to.platforms) and _is_for_now(to, now) and 0 < len(to.device_ids) <= NAMES_MAX


def _look_for_devices(
    connection: Connection, draft: Draft, known: Foresight, now: int
) -> Foresight:
    selection = select_for(draft.app_id, draft.channel, draft.to)
    missing, named = find_missing(connection, selection, now), len(draft.to.device_ids)
    if not missing:
        return known
    said = f"{len(missing)} of {named} devices are not there"
    if draft.to.activity is not None and draft.to.activity.starts:
        said += f", or have not reported {_token_for(draft)}"
    told = FieldWarning("pushSinglecast", said)
    nobody = len(missing) == named and not draft.to.repeat_every
    return replace(
        known,
        warnings=(*known.warnings, told),
        not_found=missing,
        failure=NOBODY_NAMED_IS_THERE if nobody else known.failure,
    )

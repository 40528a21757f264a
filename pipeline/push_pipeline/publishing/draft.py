"""A draft: what a publish says, to whom and when, checked and not written yet."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple, Self

from push_pipeline.content import Content, measure
from push_pipeline.content.apple import typed
from push_pipeline.content.languages import DEFAULT, headers_in, message_in, spoken_in
from push_pipeline.content.sizes import SOME_MESSAGE_ID, Oversize
from push_pipeline.errors import (
    InvalidChannelName,
    InvalidParameter,
    PayloadTooLarge,
    StrictRefusal,
)
from push_pipeline.field_warning import FieldWarning
from push_pipeline.ledger.messages import NewMessage, Once
from push_pipeline.options import EVERY_CHANNEL, DeliveryOptions, PublishOptions, check_channel_name
from push_pipeline.options.activity import ActivityOptions
from push_pipeline.options.user_ids import read_user_ids
from push_pipeline.platform import Platform
from push_pipeline.publishing.dedupe import DedupeKey, fingerprint
from push_pipeline.template.smart_text import fill_clause
from push_pipeline.template.wording import Wording, freeze, oversized_of, warnings_of
from push_pipeline.whereclause import check_segment

#: Milliseconds. A push with a ttl of 0 is not stored by the provider for a device that is away;
#: the time that our own sending takes must not end it.
NOW_OR_NEVER_MS = 60_000

UserIds = str | int | Iterable[str | int]


@dataclass(frozen=True, slots=True)
class Draft:
    """What was said, checked when it is made: nothing of it can be wrong in itself any more.

    Made by `draft_message` or by `push_template.draft_template`, which raise the API's typed
    errors; `publishing.write` gives it its app and writes it.
    """

    channel: str
    content: dict[str, Any]
    to: DeliveryOptions
    once: Once | None
    now: int  # epoch milliseconds
    warnings: tuple[FieldWarning, ...] = ()
    too_large: Oversize = field(default_factory=lambda: Oversize({}, {}))
    strict: bool = False  # whether a warning refuses it
    app_id: str = ""
    trusted: bool = True  # may make more channels than others
    message_id: str | None = None  # that a caller was told, where it is written later
    traceparent: str | None = None  # of the trace that its publish is in
    activity: ActivityOptions | None = (
        None  # the event that it tells, with a timestamp once written
    )

    def __post_init__(self) -> None:
        self.refuse_if_strict(self.warnings)
        self.to.check(self.now)
        if self.to.segment_query is not None:
            check_segment(self.to.segment_query)
        if self.to.platforms and self.to.platforms <= self.too_large.once.keys():
            self.refuse_as_too_large(self.to.platforms)

    def refuse_as_too_large(self, present: Collection[Platform]) -> None:
        """Refuse it where it is too large for one of these platforms.

        Raises:
            PayloadTooLarge: naming the platform, the bytes and the limit.
        """
        for platform, how in self.too_large.usual.items():
            if platform in present:
                raise PayloadTooLarge(f"{platform}: {how}")

    def refuse_if_strict(self, warnings: Sequence[FieldWarning]) -> None:
        """Refuse a strict one that has warnings.

        Raises:
            StrictRefusal: naming them.
        """
        if self.strict and warnings:
            raise StrictRefusal("; ".join(map(str, warnings)))

    def of_app(self, app_id: str, *, trusted: bool) -> Self:
        """Return the same as a draft of an app's; it was checked when it was made."""
        same = object.__new__(type(self))
        for name in self.__slots__:
            object.__setattr__(same, name, getattr(self, name))
        object.__setattr__(same, "app_id", app_id)
        object.__setattr__(same, "trusted", trusted)
        return same

    @property
    def looks_at_its_audience(self) -> bool:
        """Whether writing it reads all of its audience first: by local time, for the zones."""
        return self.to.publish_at_local is not None

    def message(self) -> NewMessage:
        """Return what is written of it."""
        return NewMessage(
            app_id=self.app_id,
            channel=self.channel,
            content=self.content,
            delivery_options=self.to,
            once=self.once,
            due_at=max(self.now, self.to.publish_at_ms or self.now),
            ttl_ms=self.to.ttl_seconds * 1000 or NOW_OR_NEVER_MS + self.to.over * 1000,
            failure="no recipients" if self.to.reaches_nobody else None,
            id=self.message_id,
            traceparent=self.traceparent,
        )


def draft_message(
    channel: str | None,
    message: Any,
    publish_options: PublishOptions | Mapping[str, Any] | None,
    delivery_options: DeliveryOptions | Mapping[str, Any] | None,
    *,
    dedupe_key: DedupeKey | None = None,
    strict: bool = False,
    now: int,
) -> Draft:
    """Check all of a publish; `now` is epoch milliseconds. `strict` refuses what has warnings.

    Raises:
        StrictRefusal: something of it has no effect, or another one, and it is strict.
        RequestError: a typed error with the API's code.
    """
    said = PublishOptions.of(publish_options)
    to = DeliveryOptions.of(delivery_options)
    if to.activity is not None:
        raise InvalidParameter("activity is no delivery option: start_activity says it")
    if to.push_broadcast_channel is not None:
        raise InvalidParameter("pushBroadcastChannel is no delivery option of a message")
    headers = typed(said.headers, to.push_type)
    where = _check_channel(channel, to)
    asked, to = to, to.of_type()
    if message is None and not to.pushes:
        message = ""  # only a text for devices must be one
    words = in_languages(
        spoken_in(message, headers),
        lambda language: _say(language, (message, headers), said.template_values, to),
    )
    if said.template_values:
        to = fill_segment(to, said.template_values)
    return Draft(
        where,
        {**said.to_json(), **words.content},
        to,
        dedupe_key and once(dedupe_key, asked, channel=where, message=message, options=said.said()),
        now,
        warnings=(*words.warnings, *warnings_of_delivery(to)),
        too_large=words.too_large,
        strict=strict,
    )


def once(key: DedupeKey | None, to: DeliveryOptions, **said: object) -> Once | None:
    """Return what is noted beside a dedupe key, so that it says one thing only."""
    if key is None:
        return None
    named = to.said()
    sets = {name: sorted(ids) for name, ids in named.items() if isinstance(ids, list)}
    return Once(key.stored, fingerprint({**said, "delivery": {**named, **sets}}), key.before)


def warnings_of_delivery(to: DeliveryOptions) -> list[FieldWarning]:
    """Name what of the delivery options has no effect."""
    found: list[FieldWarning] = []
    if to.repeat_expires_at is not None and not to.repeat_every:
        found.append(FieldWarning("repeatExpiresAt", "has no effect without repeatEvery"))
    if not to.pushes:
        found.append(FieldWarning("publishPolicy", "subscribers are not served: nobody gets it"))
    return found


class Frozen(NamedTuple):
    """What a message keeps of what it says, what has no effect, and for whom it is too large."""

    content: dict[str, Any]
    warnings: tuple[FieldWarning, ...]
    too_large: Oversize


def in_languages(languages: Collection[str], say: Callable[[str], Frozen]) -> Frozen:
    """Return what a message keeps: its default, and beside it what it says in each language."""
    default = say(DEFAULT)
    if not languages:
        return default._replace(warnings=tuple(dict.fromkeys(default.warnings)))
    others: dict[str, Any] = {}
    warnings = dict.fromkeys(default.warnings)
    too_large = Oversize({}, {})
    too_large.add(default.too_large)
    for language in languages:
        said = say(language)
        others[language] = said.content
        warnings |= dict.fromkeys(said.warnings)
        too_large.add(said.too_large, f"in {language!r}: ")
    content = {**default.content, "languages": others} if others else default.content
    return Frozen(content, tuple(warnings), too_large)


def _say(
    language: str,
    said: tuple[Any, Mapping[str, Any]],
    values: Mapping[str, str],
    to: DeliveryOptions,
) -> Frozen:
    words, headers = message_in(language, said[0]), headers_in(language, said[1])
    if values:
        wording = Wording.fill(words, headers, values)
        return freeze_wordings(dict.fromkeys(to.platforms, wording))
    plain = Content.from_publish(words, headers)
    too_large = measure(plain, to.platforms, SOME_MESSAGE_ID)
    return Frozen(plain.to_json(), plain.warnings(to.platforms), too_large)


def freeze_wordings(wordings: Mapping[Platform, Wording]) -> Frozen:
    """Freeze what a message says by platform.

    Raises:
        RequestError: as `oversized_of`.
    """
    return Frozen(freeze(wordings), warnings_of(wordings), oversized_of(wordings))


def to_users(to: DeliveryOptions, users: UserIds | None) -> DeliveryOptions:
    """Return options that are for these users only; unchanged with None.

    Raises:
        EmptyAudience, MissingParameter, InvalidParameter: as `read_user_ids`.
        InvalidParameter: the options name users already.
    """
    if users is None:
        return to
    if to.user_ids:
        raise InvalidParameter("users are named twice: beside the options, and in them")
    return to.model_copy(update={"push_users": read_user_ids(users)})


def paced(to: DeliveryOptions, rate: float | None, over: timedelta | int | None) -> DeliveryOptions:
    """Return options with a pace that is told beside them.

    Raises:
        InvalidParameter: it is none, or the options have one already.
    """
    told = DeliveryOptions(rate=rate, over=over).said()
    if told and (to.rate is not None or to.over):
        raise InvalidParameter("a pace is told twice: beside the options, and in them")
    return to.model_copy(update=told)


def fill_segment(to: DeliveryOptions, values: Mapping[str, str]) -> DeliveryOptions:
    """Fill the variables of the segment, if there is one.

    Raises:
        MissingParameter, InvalidParameter: as `fill_clause`.
    """
    if to.segment_query is None:
        return to
    return to.model_copy(update={"segment_query": fill_clause(to.segment_query, values)})


def _check_channel(channel: str | None, to: DeliveryOptions) -> str:
    if channel is not None:
        return check_channel_name(channel)
    if not to.user_ids:
        raise InvalidChannelName("a message without a channel must name its users")
    return EVERY_CHANNEL

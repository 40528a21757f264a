"""DeliveryOptions: which devices, when, how often and for how long."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from operator import attrgetter, methodcaller
from typing import Annotated, Any, ClassVar, Final, Self, TypedDict, Unpack

from pydantic import PlainSerializer, PlainValidator, PrivateAttr

from push_pipeline.errors import (
    EmptyAudience,
    InvalidParameter,
    InvalidPublishAt,
    InvalidRepeatExpiresAt,
    RequestError,
)
from push_pipeline.options.activity import ActivityAudience, read_audience
from push_pipeline.options.base import Options
from push_pipeline.options.broadcast import Broadcast, read_broadcast
from push_pipeline.options.canary import check_canary, read_canary
from push_pipeline.options.device_ids import NAMES, read_device_ids, without_empty
from push_pipeline.options.moment import epoch_ms, whole_seconds
from push_pipeline.options.near_misses import refuse_near_misses
from push_pipeline.options.null_times import refuse_null_times
from push_pipeline.options.pace import check_pace, read_rate
from push_pipeline.options.publish import read_text
from push_pipeline.options.unknown_policy import UnknownPolicy, read_unknown_policy
from push_pipeline.options.user_ids import read_user_ids
from push_pipeline.options.wall_clock import WallClock, read_wall_clock
from push_pipeline.platform import APPLES, Platform
from push_pipeline.push_type import PUSH_TYPES, read_push_type

#: Seconds. Four weeks: the longest that FCM keeps a message ("Set the lifespan of a message").
TTL_MAX_SECONDS: Final = 2_419_200

_PACE: Final = ("rate", "over")

#: Seconds. Ten years: a moment plus a wait stays a date.
REPEAT_MAX_SECONDS: Final = 315_360_000

#: Where an activity can be: on iPhones, and as data for the app on Android.
ACTIVE_PLATFORMS: Final = frozenset((Platform.IOS, Platform.ANDROID))

#: What repeats at a time on the clock at the wall.
DAY_SECONDS: Final = 86_400

#: Milliseconds. A caller's clock may be slow; what is older was meant as seconds, or forgotten.
PUBLISH_AT_GRACE_MS: Final = 60_000

#: Where a date ends last: on the islands that are twelve hours behind UTC.
LAST_ZONE: Final = timedelta(hours=-12)


class PublishPolicy(StrEnum):
    """Who receives: devices, subscribers of the channel, or both.

    Subscribers are not served: a message for them alone is published to nobody.
    """

    PUSH = "PUSH"
    PUBSUB = "PUBSUB"
    BOTH = "BOTH"


#: By name, by the names of the older `pushPolicy`, and by the index that one SDK sends.
_POLICIES: Final[Mapping[str | int, PublishPolicy]] = {
    **dict.fromkeys(("PUSH", "ONLY", "0", 0), PublishPolicy.PUSH),
    **dict.fromkeys(("PUBSUB", "NONE", "1", 1), PublishPolicy.PUBSUB),
}


def read_policy(value: object) -> PublishPolicy:
    """Return the policy of a name; an unknown name means BOTH, as the API has it."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidParameter("publishPolicy is not text")
    name = value.strip().upper() if isinstance(value, str) else value
    return _POLICIES.get(name, PublishPolicy.BOTH)


def read_clause(value: object) -> str | None:
    """Return a where clause as it is, None where it is blank, or raise InvalidParameter."""
    return read_text(value).strip() or None


def _moment(name: str, error: type[RequestError]) -> Callable[[object], int | None]:
    def read(value: object) -> int | None:
        try:
            return epoch_ms(value)
        except ValueError as wrong:
            raise error(f"{name} {wrong}") from None

    return read


def _seconds(name: str, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        try:
            seconds = whole_seconds(value)
        except ValueError as wrong:
            raise InvalidParameter(f"{name} {wrong}") from None
        if not 0 <= seconds <= most:
            raise InvalidParameter(f"{name} is not between 0 and {most} seconds")
        return seconds

    return read


class DeliveryFields(TypedDict, total=False):
    """The keywords of DeliveryOptions; the names of the wire are taken as well."""

    publish_policy: PublishPolicy | str | int | None
    push_broadcast: Broadcast | str | int | Iterable[str | int] | None
    push_singlecast: str | Iterable[str] | None
    push_users: str | int | Iterable[str | int] | None
    segment_query: str | None
    publish_at: datetime | int | float | str | None
    publish_at_local: time | datetime | str | None
    repeat_every: timedelta | int | str | None
    repeat_expires_at: datetime | int | float | str | None
    ttl: timedelta | int | str | None
    rate: float | str | None
    over: timedelta | int | str | None
    canary: float | str | None
    unknown_policy: UnknownPolicy | str | None
    activity: ActivityAudience | Mapping[str, object] | None
    push_type: str | None
    push_broadcast_channel: str | None


class DeliveryOptions(Options):
    """Which devices, when, how often and for how long.

    `publish_at` and `repeat_expires_at` are epoch milliseconds, ISO 8601 or aware datetimes;
    `repeat_every` and `ttl` are seconds or timedeltas. 0 means not set, save for `ttl`, where it
    means now or never. `publish_at_local` is a time of day, maybe with a date, that each device
    is sent to at in its own time zone, the next time that the clock shows it. `rate` is how many
    devices a second are sent to, `over` in how much time all are; as fast as it can without.
    `canary` is the percentage of the audience that is sent to first: then the message waits until
    it is resumed or cancelled.
    `unknown_policy` says whether a device without a known answer is sent to again; the app's or the
    setting without it. `push_type` is one of Apple's beside alerts, as voip: it goes to the devices
    that registered with it, and to no others.

    Raises:
        InvalidPublishAt: `publish_at` is no moment, or `publish_at_local` no time.
        InvalidRepeatExpiresAt: `repeat_expires_at` is no moment.
        EmptyAudience: `push_singlecast` or `push_users` is a list without anybody.
        UnknownOs: `push_broadcast` names something else than an operating system.
        InvalidParameter: another field is wrong, or a name is unknown.
    """

    older_names: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "publish_policy": ("pushPolicy",),
        "segment_query": ("query",),
        "ttl": ("ttlSeconds",),
    }

    publish_policy: Annotated[PublishPolicy, PlainValidator(read_policy), PlainSerializer(str)] = (
        PublishPolicy.BOTH
    )
    push_broadcast: Annotated[
        Broadcast, PlainValidator(read_broadcast), PlainSerializer(attrgetter("spelling"))
    ] = Broadcast.ALL
    push_singlecast: Annotated[
        tuple[str, ...] | None, PlainValidator(read_device_ids), PlainSerializer(list)
    ] = None
    push_users: Annotated[
        tuple[str, ...] | None, PlainValidator(read_user_ids), PlainSerializer(list)
    ] = None
    segment_query: Annotated[str | None, PlainValidator(read_clause)] = None
    publish_at: Annotated[int | None, PlainValidator(_moment("publishAt", InvalidPublishAt))] = None
    publish_at_local: Annotated[
        WallClock | None,
        PlainValidator(read_wall_clock),
        PlainSerializer(methodcaller("isoformat")),
    ] = None
    repeat_every: Annotated[int, PlainValidator(_seconds("repeatEvery", REPEAT_MAX_SECONDS))] = 0
    repeat_expires_at: Annotated[
        int | None, PlainValidator(_moment("repeatExpiresAt", InvalidRepeatExpiresAt))
    ] = None
    ttl: Annotated[int, PlainValidator(_seconds("ttl", TTL_MAX_SECONDS))] = TTL_MAX_SECONDS
    rate: Annotated[float | None, PlainValidator(read_rate)] = None
    over: Annotated[int, PlainValidator(_seconds("over", TTL_MAX_SECONDS))] = 0
    canary: Annotated[float | None, PlainValidator(read_canary)] = None
    unknown_policy: Annotated[
        UnknownPolicy | None, PlainValidator(read_unknown_policy), PlainSerializer(str)
    ] = None
    activity: Annotated[
        ActivityAudience | None,
        PlainValidator(read_audience),
        PlainSerializer(methodcaller("to_json")),
    ] = None  # said by nobody but the functions for activities
    push_type: Annotated[str | None, PlainValidator(read_push_type)] = None
    push_broadcast_channel: Annotated[str | None, PlainValidator(read_text)] = (
        None  # said by nobody but push_to_broadcast_channel
    )

    #: Times as they were said, by their names on the wire: `+10m` is the same whenever it is said.
    _said_as: Mapping[str, str] = PrivateAttr(default_factory=dict)

    def __init__(self, **values: Unpack[DeliveryFields]) -> None:
        super().__init__(**values)

    def said_as(self, times: Mapping[str, str]) -> Self:
        """Note how times were said that count from now: a dedupe key is for these words."""
        noted = self.model_copy()
        noted._said_as = dict(times)  # noqa: SLF001 - our own copy
        return noted

    def said(self) -> dict[str, Any]:
        """Return a JSON object of what was said, times from now as such."""
        return {**super().said(), **self._said_as}

    @classmethod
    def from_wire(cls, body: Mapping[str, object], *, empty_means_unset: bool = True) -> Self:
        """Read options out of a flat request body; what is not theirs is left alone.

        `empty_means_unset` says what an empty list of devices is, which one SDK sends by default.

        Raises:
            EmptyAudience: there is one, or null, and it does not mean "not set".
            InvalidPublishAt, InvalidRepeatExpiresAt: a time is null (`refuse_null_times`).
            InvalidParameter: a name is nearly one of theirs (`refuse_near_misses`).
            RequestError: a value is wrong (a typed error).
        """
        body = {name: value for name, value in body.items() if name != "activity"}
        refuse_near_misses(body, cls.spellings())
        refuse_null_times(body)
        if empty_means_unset:
            return super().from_wire(without_empty(body))
        if any(name in body and body[name] is None for name in NAMES):
            raise EmptyAudience("pushSinglecast is null: leave it out to mean everybody")
        return super().from_wire(body)

    def to_json(self) -> dict[str, Any]:
        """Return what is stored: no pace where none is asked for, as a release before has none."""
        stored = super().to_json()
        for name in _PACE:
            if not stored.get(name, True):
                del stored[name]
        return stored

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the options that `to_json` wrote, which once noted an empty list of devices."""
        return super().from_json(without_empty(stored))

    def check(self, now_ms: int) -> None:
        """Check what depends on the time now (epoch milliseconds).

        Raises:
            InvalidPublishAt: it is more than a minute ago.
            InvalidRepeatExpiresAt: it is not after the first send.
            InvalidParameter: publishAtLocal is given with what it excludes, or a pace that
                does not fit the other times.
        """
        if self.push_type and self.pushes and self.push_broadcast and not self.platforms:
            raise InvalidParameter(f"pushType {self.push_type}: Apple's systems alone have it")
        check_canary(
            self.canary,
            repeats=bool(self.repeat_every),
            local=self.publish_at_local is not None,
        )
        check_pace(self.rate, self.over, ttl=self.ttl, every=self.repeat_every)
        if self.publish_at_local is not None:
            self._check_local(self.publish_at_local, now_ms)
        first = now_ms if self.publish_at is None else self.publish_at
        if first < now_ms - PUBLISH_AT_GRACE_MS:
            raise InvalidPublishAt("publishAt has passed; it is in milliseconds, not seconds")
        if self.repeat_expires_at is not None and self.repeat_expires_at <= max(now_ms, first):
            raise InvalidRepeatExpiresAt("repeatExpiresAt is not after the first send")

    def _check_local(self, wall: WallClock, now_ms: int) -> None:
        if self.publish_at is not None:
            raise InvalidParameter("publishAt and publishAtLocal exclude each other")
        if self.repeat_every % DAY_SECONDS:
            raise InvalidParameter("publishAtLocal is repeated by whole days (86400 seconds each)")
        if isinstance(wall, datetime):
            last = wall.replace(tzinfo=UTC) - LAST_ZONE
            if last.timestamp() * 1000 < now_ms:
                raise InvalidPublishAt("publishAtLocal has passed in every time zone")

    @property
    def pushes(self) -> bool:
        """Whether devices are meant, not only subscribers."""
        return self.publish_policy is not PublishPolicy.PUBSUB

    @property
    def platforms(self) -> frozenset[Platform]:
        """The platforms that may be sent to: none where only subscribers are meant."""
        meant = self.push_broadcast.platforms if self.pushes else frozenset()
        if self.push_broadcast_channel is not None:
            return frozenset()
        if self.activity is not None:
            return meant & ACTIVE_PLATFORMS
        return meant if self.push_type is None else meant & frozenset(APPLES)

    @property
    def device_ids(self) -> tuple[str, ...]:
        """The only devices to send to, each once; empty where all of the channel are meant."""
        return self.push_singlecast or ()

    @property
    def user_ids(self) -> tuple[str, ...]:
        """The only users to send to, each once; empty where it does not depend on the user."""
        return self.push_users or ()

    @property
    def reaches_nobody(self) -> bool:
        """Whether no device can get it, whoever is registered, although devices are meant."""
        return self.pushes and not self.platforms and self.push_broadcast_channel is None

    @property
    def publish_at_ms(self) -> int | None:
        """When it is sent first, epoch milliseconds; None for now."""
        return self.publish_at

    @property
    def repeat_every_seconds(self) -> int | None:
        """Seconds from one send to the next; None where it is sent once."""
        return self.repeat_every or None

    @property
    def repeat_expires_at_ms(self) -> int | None:
        """The last moment of a repeat, epoch milliseconds; None for no end or no repeat."""
        return self.repeat_expires_at if self.repeat_every else None

    def of_type(self) -> Self:
        """Return the same, with the lifetime that a push of its type has where none was said."""
        push_type = PUSH_TYPES.get(self.push_type or "")
        if push_type is None or not push_type.now_or_never or self.ttl != TTL_MAX_SECONDS:
            return self
        return self.model_copy(update={"ttl": 0})

    @property
    def ttl_seconds(self) -> int:
        """How long the provider may keep it for a device that is away; 0 is now or never."""
        return self.ttl

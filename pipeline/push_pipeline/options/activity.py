"""What is said of a Live Activity: one event of it, checked at birth.

Source of the rules: Apple, "Starting and updating Live Activities with ActivityKit push
notifications". An activity is known by an id that its host chooses. Android has no such thing:
there the app gets the same as data, for a progress notification of its own.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, NamedTuple, Self, TypedDict, Unpack

from pydantic import PlainSerializer, PlainValidator

from push_pipeline.errors import InvalidParameter, MissingParameter, QuotaExceeded
from push_pipeline.options.base import Options
from push_pipeline.options.json_values import copy_json
from push_pipeline.options.moment import epoch_ms
from push_pipeline.options.publish import read_template_values

#: Characters of an activity's id and of the name of its attributes' type: both stand in an index.
NAME_MAX: Final = 255

#: Milliseconds. Apple lets an ended activity stay on the lock screen for so long at the most.
DISMISSAL_MAX_MS: Final = 4 * 3_600_000

#: Seconds by which an activity's timestamps may run ahead of the clock: each event has one of its
#: own, so they do where more than one a second are published.
AHEAD_MAX: Final = 60

#: Urgent events of an activity in an hour that an iPhone surely shows. Apple says no number, and
#: drops what is over it after it was accepted.
URGENT_IN_AN_HOUR: Final = 15
HOUR_MS: Final = 3_600_000

#: Key of the attributes under which the app finds its activity's id, where the host says none.
ID_IN_ATTRIBUTES: Final = "activityId"

#: What may be said of an alert. A title and a body may be keys of the app's own texts.
_ALERT_KEYS: Final = frozenset(("title", "body", "sound"))
_TEXT_KEYS: Final = frozenset(("loc-key", "loc-args"))

JsonObject = Mapping[str, Any]


class ActivityEvent(StrEnum):
    """What happens to an activity."""

    START = "start"
    UPDATE = "update"
    END = "end"


class ActivityAudience(NamedTuple):
    """Which devices an event is for: where its activity is, or where it may be started."""

    event: ActivityEvent
    activity_id: str
    attributes_type: str | None = None

    @property
    def starts(self) -> bool:
        """Whether the activity is to be started, where it may be."""
        return self.event is ActivityEvent.START

    @property
    def ends(self) -> bool:
        """Whether it is the activity's end."""
        return self.event is ActivityEvent.END

    def to_json(self) -> dict[str, Any]:
        """Return what is stored."""
        told = {"event": self.event.value, "id": self.activity_id, "type": self.attributes_type}
        return {name: value for name, value in told.items() if value is not None}


def read_audience(value: object) -> ActivityAudience:
    """Return the audience of an event, as such or as it is stored; or raise InvalidParameter."""
    if isinstance(value, ActivityAudience):
        return value
    if not isinstance(value, Mapping):
        raise InvalidParameter("activity is told by start_activity and its like")
    of_type = value.get("type")
    return ActivityAudience(
        read_event(value.get("event")),
        read_activity_id(value.get("id")),
        None if of_type is None else read_attributes_type(of_type),
    )


def next_timestamp(newest: int, now_ms: int) -> int:
    """Return the timestamp of an activity's next event; `newest` is that of its last (seconds).

    Raises:
        QuotaExceeded: there have been more than one a second for some time.
    """
    timestamp = max(newest + 1, now_ms // 1000)
    if timestamp > now_ms // 1000 + AHEAD_MAX:
        raise QuotaExceeded("an activity has at most one event a second: wait a minute")
    return timestamp


class Urgent(NamedTuple):
    """Urgent events of an activity, counted since the beginning of an hour (epoch ms)."""

    since: int | None
    events: int

    def plus(self, events: int, now_ms: int) -> "Urgent":
        """Return these and some more; an hour that is over begins anew."""
        if self.since is None or now_ms - self.since >= HOUR_MS:
            return Urgent(now_ms, events)
        return Urgent(self.since, self.events + events)

    @property
    def is_over_budget(self) -> bool:
        """Whether an iPhone may drop the last of them."""
        return self.events > URGENT_IN_AN_HOUR


class Newest(NamedTuple):
    """What was said last of an activity: the timestamp, and whether it was its end."""

    timestamp: int
    ended: bool


def is_overtaken(said: "ActivityOptions", timestamp: int, newest: Newest) -> bool:
    """Tell whether an event need not be sent any more, since a newer one says all that it does.

    An update that alerts is sent all the same: its alert is not in the newer one. So is an end.
    """
    if said.event is ActivityEvent.END:
        return False
    if newest.ended:
        return True
    return not said.alerts and timestamp < newest.timestamp


def read_activity_id(value: object) -> str:
    """Return the id of an activity, or raise InvalidParameter."""
    return _name("activityId", value)


def read_attributes_type(value: object) -> str:
    """Return the name of the attributes' type in the app's code, or raise InvalidParameter."""
    return _name("attributesType", value)


def read_event(value: object) -> ActivityEvent:
    """Return what happens to an activity, or raise InvalidParameter."""
    if value not in tuple(ActivityEvent):
        raise InvalidParameter("event is start, update or end")
    return ActivityEvent(str(value))


def read_alert(value: object) -> JsonObject:
    """Return an alert: a text, or one for each language, is its title.

    Of texts by language only that there is a default is looked at (`content.activity_alert`).

    Raises:
        InvalidParameter: it says what no alert of an activity has, or nothing.
    """
    alert = {"title": value} if isinstance(value, str) or _is_by_language(value) else value
    if not isinstance(alert, Mapping) or not alert or alert.keys() - _ALERT_KEYS:
        raise InvalidParameter(
            "alert is a text, texts by language with a default, or an object of title, body, sound"
        )
    for name, said in alert.items():
        if isinstance(said, str) or _is_by_language(said):
            continue
        if name == "sound" or not _is_of_the_app(said):
            what = "a text, texts by language with a default, or loc-key and loc-args"
            raise InvalidParameter(f"alert: {name} is {what}")
    return _frozen("alert", alert)


def read_score(value: object) -> float:
    """Return a relevance score, which is any number, or raise InvalidParameter."""
    score = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not math.isfinite(score):
        raise InvalidParameter("relevanceScore is not a number")
    return score


def read_priority(value: object) -> int:
    """Return how urgent it is, 5 or 10, or raise InvalidParameter."""
    word = str(value)
    if word not in ("5", "10"):
        raise InvalidParameter("priority is 5 or 10")
    return int(word)


def _name(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidParameter(f"{field} is not text")
    if not value.strip() or len(value) > NAME_MAX or not value.isprintable():
        raise InvalidParameter(f"{field} has 1 to {NAME_MAX} printable characters")
    return value


def _is_by_language(value: object) -> bool:
    return isinstance(value, Mapping) and "default" in value


def _is_of_the_app(value: object) -> bool:
    if not isinstance(value, Mapping) or value.keys() - _TEXT_KEYS:
        return False
    arguments = value.get("loc-args", [])
    texts = isinstance(arguments, list) and all(isinstance(one, str) for one in arguments)
    return texts and isinstance(value.get("loc-key"), str)


def _frozen(field: str, value: Mapping[str, Any]) -> JsonObject:
    copy = copy_json(field, dict(value))
    if _has_nul(copy):
        raise InvalidParameter(f"{field} must not contain the NUL character")
    return MappingProxyType(copy)


def _has_nul(value: object) -> bool:
    """Tell whether a text has a character that PostgreSQL cannot keep in JSON."""
    if isinstance(value, dict):
        return any(_has_nul(name) or _has_nul(one) for name, one in value.items())
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value


def _object(field: str) -> Callable[[object], JsonObject]:
    def read(value: object) -> JsonObject:
        if not isinstance(value, Mapping):
            raise InvalidParameter(f"{field} is an object")
        return _frozen(field, value)

    return read


def _moment(field: str) -> Callable[[object], int | None]:
    def read(value: object) -> int | None:
        try:
            return epoch_ms(value)
        except ValueError as wrong:
            raise InvalidParameter(f"{field} {wrong}") from None

    return read


class ActivityFields(TypedDict, total=False):
    """The keywords of ActivityOptions; the names of the wire are taken as well."""

    activity_id: str | None
    event: ActivityEvent | str | None
    attributes_type: str | None
    attributes: Mapping[str, Any] | None
    state: Mapping[str, Any] | None
    alert: str | Mapping[str, Any] | None
    stale_date: datetime | int | float | str | None
    dismissal_date: datetime | int | float | str | None
    relevance_score: float | None
    priority: int | str | None
    input_push_channel: str | None
    template: str | None
    template_values: Mapping[str, str | int | float | bool | None] | None


class ActivityOptions(Options):
    """One event of an activity: its start, an update or its end.

    `state` is the whole of what is shown (Apple's content-state), `attributes` what never changes.
    `stale_date` says when the state counts as outdated, `dismissal_date` when an ended activity
    leaves the lock screen: both are epoch milliseconds, ISO 8601 or aware datetimes. `priority`
    10 is delivered at once and counts against the device's budget, 5 when it suits; without it,
    an update that alerts nobody has 5 and everything else 10. The alert may be that of a stored
    `template`, which is filled before it is written (`alerting`).

    Raises:
        MissingParameter: what its event needs is not there.
        InvalidParameter: a field is wrong, or has no place in its event.
    """

    activity_id: Annotated[str, PlainValidator(read_activity_id)]
    event: Annotated[ActivityEvent, PlainValidator(read_event), PlainSerializer(str)]
    attributes_type: Annotated[str | None, PlainValidator(read_attributes_type)] = None
    attributes: Annotated[
        JsonObject | None, PlainValidator(_object("attributes")), PlainSerializer(dict)
    ] = None
    state: Annotated[JsonObject | None, PlainValidator(_object("state")), PlainSerializer(dict)] = (
        None
    )
    alert: Annotated[JsonObject | None, PlainValidator(read_alert), PlainSerializer(dict)] = None
    stale_date: Annotated[int | None, PlainValidator(_moment("staleDate"))] = None
    dismissal_date: Annotated[int | None, PlainValidator(_moment("dismissalDate"))] = None
    relevance_score: Annotated[float | None, PlainValidator(read_score)] = None
    priority: Annotated[int | None, PlainValidator(read_priority)] = None
    input_push_channel: Annotated[
        str | None, PlainValidator(lambda value: _name("inputPushChannel", value))
    ] = None
    template: Annotated[str | None, PlainValidator(lambda value: _name("template", value))] = None
    template_values: Annotated[
        Mapping[str, str] | None, PlainValidator(read_template_values), PlainSerializer(dict)
    ] = None

    def __init__(self, **values: Unpack[ActivityFields]) -> None:
        for name, wire in (("activity_id", "activityId"), ("event", "event")):
            if values.get(name) is None and values.get(wire) is None:
                raise MissingParameter(f"{wire} is missing")
        super().__init__(**values)
        self._check_place()

    def _check_place(self) -> None:
        starts, ends = self.event is ActivityEvent.START, self.event is ActivityEvent.END
        needed = {
            "attributesType": starts and self.attributes_type is None,
            "attributes": starts and self.attributes is None,
            "alert": starts and not self.alerts,
            "template": self.template_values is not None and self.template is None,
            "state": not ends and self.state is None,
        }
        for name, missing in needed.items():
            if missing:
                raise MissingParameter(f"{name} is missing: an activity's {self.event} needs it")
        idle = {
            "attributesType": not starts and self.attributes_type is not None,
            "attributes": not starts and self.attributes is not None,
            "inputPushChannel": not starts and self.input_push_channel is not None,
            "dismissalDate": not ends and self.dismissal_date is not None,
        }
        if self.alert is not None and self.template is not None:
            raise InvalidParameter("an alert is said, or is that of a template: not both")
        for name, misplaced in idle.items():
            if misplaced:
                raise InvalidParameter(f"{name} has no place in an activity's {self.event}")

    def check(self, at_ms: int) -> None:
        """Check what depends on the time at which it is told (epoch milliseconds).

        Raises:
            InvalidParameter: the state is outdated already, or the end would stay too long.
        """
        if self.stale_date is not None and self.stale_date <= at_ms:
            raise InvalidParameter(
                "staleDate has passed by then; it is in milliseconds, not seconds"
            )
        if self.dismissal_date is not None and self.dismissal_date > at_ms + DISMISSAL_MAX_MS:
            raise InvalidParameter("dismissalDate is more than four hours ahead")

    @classmethod
    def from_wire(cls, body: Mapping[str, object]) -> Self:
        """Read an event out of a flat request body; what is not its is left alone.

        Raises:
            RequestError: a value is wrong or missing (a typed error).
        """
        spellings = cls.spellings()
        values: Any = {name: value for name, value in body.items() if name in spellings}
        return cls(**values)

    @property
    def audience(self) -> ActivityAudience:
        """Which devices it is for."""
        return ActivityAudience(self.event, self.activity_id, self.attributes_type)

    @property
    def alerts(self) -> bool:
        """Whether it lights up the screen."""
        return self.alert is not None or self.template is not None

    def alerting(self, alert: Mapping[str, Any]) -> Self:
        """Return it with the alert that its template says; `said` still tells the template.

        Raises:
            InvalidParameter: as `read_alert`.
        """
        return self.model_copy(update={"alert": read_alert(alert)})

    def told(self) -> Self:
        """Return what of it is sent: an alert, without the template that it comes from."""
        return self.model_copy(update={"template": None, "template_values": None})

    def said(self) -> dict[str, Any]:
        """Return a JSON object of what was said: of a template its name and its values."""
        said = super().said()
        return said if self.template is None else {**said, "alert": None}

    @property
    def urgency(self) -> int:
        """Its priority, 5 or 10: what was asked for, or what its event is worth."""
        if self.priority is not None:
            return self.priority
        return 5 if self.event is ActivityEvent.UPDATE and not self.alerts else 10

    @property
    def may_be_eased(self) -> bool:
        """Whether it is urgent for its alert alone, and an update: where seldom ones go, it has 5.

        Of a start or an end there is one, and who said a priority meant it.
        """
        is_update = self.event is ActivityEvent.UPDATE
        return is_update and self.alerts and self.priority is None

    @property
    def app_attributes(self) -> dict[str, Any]:
        """The attributes as the app gets them, with the activity's id among them."""
        return {ID_IN_ATTRIBUTES: self.activity_id, **(self.attributes or {})}

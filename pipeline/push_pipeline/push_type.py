"""Apple's push types beside alerts: whose tokens they go to, and what each may say; pure.

Each has tokens of its own and a topic of its own: the bundle id and a suffix. Rules of Apple:
"Sending notification requests to APNs", "Responding to VoIP Notifications from PushKit",
"Creating a Push to Talk app", "Creating a location push service extension", "Updating widgets
with WidgetKit push notifications", "Updating controls locally and remotely".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from push_pipeline.errors import InvalidParameter

#: Bytes of the JSON. Apple: 4 KB for everything but VoIP, which may be 5 KB.
PAYLOAD_BYTES: Final = 4096
VOIP_PAYLOAD_BYTES: Final = 5120


@dataclass(frozen=True, slots=True)
class PushType:
    """One of them. `suffix` is what its topic has behind the bundle id.

    `aps` is what the payload's `aps` begins with; a type that is `fixed` has nothing else there
    and no text. `now_or_never` is kept for no device that is away unless its publisher says so: a
    call that rings an hour late is worse than none. `repeatable` may arrive twice unnoticed.
    """

    name: str
    suffix: str
    priorities: tuple[str, ...] = ("10", "5", "1")  # the first is the usual one
    aps: Mapping[str, Any] = field(default_factory=dict)
    fixed: bool = False
    payload_bytes: int = PAYLOAD_BYTES
    by_key_alone: bool = False
    now_or_never: bool = False
    repeatable: bool = True


_CHANGED: Final = MappingProxyType({"content-changed": True})

#: The types whose devices register as such.
PUSH_TYPES: Final[Mapping[str, PushType]] = MappingProxyType(
    {
        one.name: one
        for one in (
            PushType(
                "voip",
                ".voip",
                ("10",),
                payload_bytes=VOIP_PAYLOAD_BYTES,
                now_or_never=True,
                repeatable=False,
            ),
            PushType("pushtotalk", ".voip-ptt", ("10",), now_or_never=True, repeatable=False),
            PushType("location", ".location-query", ("10", "5"), by_key_alone=True),
            PushType("complication", ".complication"),
            PushType("fileprovider", ".pushkit.fileprovider"),
            PushType("widgets", ".push-type.widgets", aps=_CHANGED, fixed=True),
            PushType("controls", ".push-type.controls", aps=_CHANGED, fixed=True),
        )
    }
)

#: The topic of Live Activities, whose tokens no device registers with.
LIVE_ACTIVITY: Final = "liveactivity"
LIVE_ACTIVITY_SUFFIX: Final = ".push-type.liveactivity"


def read_push_type(value: object) -> str | None:
    """Read a push type; None for alert, which is what is meant where nobody says one.

    Raises:
        InvalidParameter: it is none, or one that is sent in another way.
    """
    name = value.strip().lower() if isinstance(value, str) else value
    if name in (None, "", "alert"):
        return None
    if isinstance(name, str) and name in PUSH_TYPES:
        return name
    if name == "background":
        raise InvalidParameter("pushType background is said by ios-content-available")
    if name == LIVE_ACTIVITY:
        raise InvalidParameter("pushType liveactivity: activities are started and updated as such")
    raise InvalidParameter(f"pushType is one of alert, {', '.join(PUSH_TYPES)}")


def type_of_topic(topic: object) -> str | None:
    """Tell which push type a topic is for, by its suffix; None for a bundle id.

    Raises:
        InvalidParameter: it is no text, or the topic of Live Activities.
    """
    if topic in (None, ""):
        return None
    if not isinstance(topic, str):
        raise InvalidParameter("topic must be a string")
    if topic.endswith(LIVE_ACTIVITY_SUFFIX):
        raise InvalidParameter("topic: a token of Live Activities belongs to an activity")
    return next((one.name for one in PUSH_TYPES.values() if topic.endswith(one.suffix)), None)


def suffix_of(push_type: str | None) -> str:
    """Return what the topic of a push type has behind the bundle id."""
    if push_type == LIVE_ACTIVITY:
        return LIVE_ACTIVITY_SUFFIX
    found = PUSH_TYPES.get(push_type or "")
    return "" if found is None else found.suffix


def kept_id(device_id: str, push_type: str | None) -> str:
    """Return the id that a device of a push type is kept by, beside the phone's own row.

    An app has one id of its phone and several tokens: `P1` for alerts, `P1.voip` for calls.
    """
    ending = f".{push_type}"
    return device_id if push_type is None or device_id.endswith(ending) else device_id + ending


def takes(kind: str, push_type: str | None) -> bool:
    """Tell whether a token of a kind is one for a push of a type, None for an ordinary push."""
    return kind not in PUSH_TYPES if push_type is None else kind == push_type

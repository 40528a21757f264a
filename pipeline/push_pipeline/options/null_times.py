"""Null where a body tells a time: what JavaScript makes of a date that is none."""

from collections.abc import Mapping
from typing import Final

from push_pipeline.errors import InvalidPublishAt, InvalidRepeatExpiresAt, RequestError

_ERRORS: Final[Mapping[str, type[RequestError]]] = {
    **dict.fromkeys(("publishAt", "publish_at"), InvalidPublishAt),
    **dict.fromkeys(("publishAtLocal", "publish_at_local"), InvalidPublishAt),
    **dict.fromkeys(("repeatEvery", "repeat_every"), InvalidRepeatExpiresAt),
    **dict.fromkeys(("repeatExpiresAt", "repeat_expires_at"), InvalidRepeatExpiresAt),
}

#: All that Flutter's options have. It sends each of them, null where it is not set.
_FLUTTER: Final = frozenset(
    (
        *("pushBroadcast", "pushSinglecast", "segmentQuery", "publishPolicy"),
        *("publishAt", "repeatEvery", "repeatExpiresAt"),
    )
)


def refuse_null_times(body: Mapping[str, object]) -> None:
    """Check that no time of a flat body is null, unless all of Flutter's fields are in it.

    Taken for "not set", null means at once, or for ever: the caller had a time in mind.

    Raises:
        InvalidPublishAt, InvalidRepeatExpiresAt: one is null.
    """
    if body.keys() >= _FLUTTER:
        return
    for name, error in _ERRORS.items():
        if name in body and body[name] is None:
            raise error(f"{name} is null: leave it out where it is not meant")

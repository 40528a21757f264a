"""Task messages as the queue's library makes them: made once of a kind, then filled for each; pure.

What one message has of its own is a mark in the first. To make each anew costs ten times as much.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring_ascii
from typing import Any, Final, NamedTuple

#: Headers of task messages. Of one whose key has a turn: it does what is next and not what it
#: names. Of one for a later time: the app whose turn it will be then.
IN_TURN: Final = "in_turn"
OF_APP: Final = "of_app"

#: What a message says between its parts where its key has a turn.
SAYS_TURN: Final = f',"{IN_TURN}":true'


def _mark(name: str) -> str:
    return f"{name} of 4d7a1c0e9b5f4a31"


#: What stands in the place of what each message has of its own.
ID: Final = _mark("id")
ROOT: Final = _mark("root")
PARENT: Final = _mark("parent")
KEY: Final = _mark("key")
SHOWN: Final = _mark("shown")
AT: Final = _mark("at")
APP: Final = _mark("app")
TURN: Final = _mark("turn")
_TAG: Final = _mark("tag")
_BODY: Final = _mark("body")

_OF_EACH: Final = (ID, ROOT, PARENT, SHOWN, AT, APP, _TAG, _BODY)


class Parents(NamedTuple):
    """The task that sends a message, and the first of those that led to it; None outside of one."""

    root: str | None = None
    parent: str | None = None


class Own(NamedTuple):
    """What one message has of its own; `tag` is that of its delivery."""

    id: str
    tag: str
    key: int
    shown: str
    at: str | None
    app_id: str | None


class Prepared(NamedTuple):
    """A message in two parts, between which it may say that its key has a turn."""

    before: str
    after: str
    body: str

    def filled(self, own: Own, parents: Parents) -> tuple[str, str]:
        """Return both parts of one message."""
        body = base64.b64encode((self.body % {KEY: own.key}).encode()).decode()
        values = {
            ID: _quoted(own.id),
            ROOT: _quoted(parents.root or own.id),
            PARENT: _quoted(parents.parent),
            SHOWN: _quoted(own.shown),
            AT: _quoted(own.at),
            APP: _quoted(own.app_id),
            _TAG: _quoted(own.tag),
            _BODY: _quoted(body),
        }
        return self.before % values, self.after % values


def prepare(message: Mapping[str, Any]) -> Prepared:
    """Cut a message that has marks, as it stands in the queue."""
    properties = {**message["properties"], "delivery_tag": _TAG}
    text = _written({**message, "properties": properties, "body": _BODY}, _OF_EACH)
    before, _, after = text.partition(f',"{IN_TURN}":"{TURN}"')
    body = json.loads(base64.b64decode(message["body"]))
    return Prepared(before, after, _written(body, (KEY,)))


def _written(value: Any, marks: Iterable[str]) -> str:
    text = json.dumps(value, separators=(",", ":")).replace("%", "%%")
    for mark in marks:
        text = text.replace(f'"{mark}"', f"%({mark})s")
    return text


def _quoted(text: str | None) -> str:
    return "null" if text is None else encode_basestring_ascii(text)

"""Topic subscriptions of FCM's v1 API: create, read, delete, list; one registration per call."""

import datetime
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

import orjson

from workers.simulator.fcm.errors import JSON_HEADERS, Violation, bad_request, rejection
from workers.simulator.messages import Answer

_TOPIC = re.compile(r"[a-zA-Z0-9\-_.~%]{1,900}")
_PATH = re.compile(
    r"/v1/projects/(?P<project>[^/]+)/registrations/(?P<registration>[^/]+)"
    r"/topicSubscriptions(?:/(?P<topic>[^/?]+))?(?:\?(?P<query>.*))?"
)


class Call(NamedTuple):
    """One call of the subscription API."""

    method: str
    project: str
    registration: str
    topic: str
    allow_missing: bool


def parse(method: str, path: str) -> Call | None:
    """Read a call from its path, None where the path is another one."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    query = parse_qs(found["query"] or "")
    topic = found["topic"] or query.get("topic_name", query.get("topicName", [""]))[0]
    missing = query.get("allow_missing", query.get("allowMissing", ["false"]))[0]
    registration = unquote(found["registration"])
    return Call(method, found["project"], registration, unquote(topic), missing.lower() == "true")


class Subscriptions:
    """Who subscribed to what: registration -> topic -> since when."""

    def __init__(self) -> None:
        self._topics: dict[str, dict[str, str]] = {}

    def clear(self) -> None:
        """Forget all subscriptions."""
        self._topics.clear()

    def of(self, registration: str) -> list[str]:
        """Return the topics of one registration."""
        return sorted(self._topics.get(registration, ()))

    def answer(self, call: Call) -> Answer:
        """Carry out a call."""
        if call.topic and not _TOPIC.fullmatch(call.topic):
            return bad_request([Violation("topic_name", "Malformed topic name")])
        match call.method, bool(call.topic):
            case "POST", True:
                return self._create(call)
            case "DELETE", True:
                return self._delete(call)
            case "GET", True:
                return self._read(call)
            case "GET", False:
                rows = [self._row(call, topic) for topic in self.of(call.registration)]
                return _ok({"topicSubscriptions": rows})
        return bad_request([Violation("topic_name", "Topic name is not set.")])

    def _create(self, call: Call) -> Answer:
        topics = self._topics.setdefault(call.registration, {})
        if call.topic in topics:
            return rejection("ALREADY_EXISTS")
        topics[call.topic] = datetime.datetime.now(datetime.UTC).isoformat()
        return _ok(self._row(call, call.topic))

    def _delete(self, call: Call) -> Answer:
        gone = self._topics.get(call.registration, {}).pop(call.topic, None)
        return _ok({}) if gone is not None or call.allow_missing else rejection("NOT_FOUND")

    def _read(self, call: Call) -> Answer:
        if call.topic not in self._topics.get(call.registration, ()):
            return rejection("NOT_FOUND")
        return _ok(self._row(call, call.topic))

    def _row(self, call: Call, topic: str) -> dict[str, str]:
        parent = f"projects/{call.project}/registrations/{call.registration}"
        return {
            "name": f"{parent}/topicSubscriptions/{topic}",
            "topic_name": topic,
            "create_time": self._topics[call.registration][topic],
        }


def _ok(content: Mapping[str, object]) -> Answer:
    return Answer(200, JSON_HEADERS, orjson.dumps(content))

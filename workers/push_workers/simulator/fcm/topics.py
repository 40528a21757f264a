"""Topic subscriptions of FCM's v1 API: create, read, delete, list; one registration per call."""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

import orjson

from push_workers.simulator.fcm.errors import JSON_HEADERS, Violation, bad_request, rejection
from push_workers.simulator.messages import Answer
from push_workers.simulator.subscriptions import Subscriptions

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


def answer(subscriptions: Subscriptions, call: Call) -> Answer:
    """Carry out a call."""
    if call.topic and not _TOPIC.fullmatch(call.topic):
        return bad_request([Violation("topic_name", "Malformed topic name")])
    match call.method, bool(call.topic):
        case "POST", True:
            added = subscriptions.add(call.registration, call.topic)
            return _row(subscriptions, call) if added else rejection("ALREADY_EXISTS")
        case "DELETE", True:
            gone = subscriptions.remove(call.registration, call.topic)
            return _ok({}) if gone or call.allow_missing else rejection("NOT_FOUND")
        case "GET", True:
            return _row(subscriptions, call)
        case "GET", False:
            return _list(subscriptions, call)
    return bad_request([Violation("topic_name", "Topic name is not set.")])


def _row(subscriptions: Subscriptions, call: Call) -> Answer:
    since = subscriptions.of(call.registration).get(call.topic)
    return rejection("NOT_FOUND") if since is None else _ok(_as_json(call, call.topic, since))


def _list(subscriptions: Subscriptions, call: Call) -> Answer:
    topics = subscriptions.of(call.registration).items()
    return _ok({"topicSubscriptions": [_as_json(call, topic, since) for topic, since in topics]})


def _as_json(call: Call, topic: str, since: str) -> dict[str, str]:
    parent = f"projects/{call.project}/registrations/{call.registration}"
    return {
        "name": f"{parent}/topicSubscriptions/{topic}",
        "topic_name": topic,
        "create_time": since,
    }


def _ok(content: Mapping[str, object]) -> Answer:
    return Answer(200, JSON_HEADERS, orjson.dumps(content))

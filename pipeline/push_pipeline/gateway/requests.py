"""What request bodies may hold, for the API's own description.

Only a description: the fields are read and checked by `push_pipeline.options` and
`push_pipeline.devices.registration`, which take more spellings than a schema can say.
"""

from typing import Any

from push_pipeline.push_type import PUSH_TYPES

_TEXT = {"type": "string"}
_PUSH_TYPES = ["alert", *PUSH_TYPES]
_MOMENT = {
    "description": "epoch milliseconds, or ISO 8601",
    "anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}],
}

_PUBLISH: dict[str, Any] = {
    "message": {
        "description": "any JSON value but null; the text of the notification, or its texts by"
        " language with one called `default`"
    },
    "publisherId": {"type": "string", "maxLength": 512},
    "subtopic": {"type": "string", "maxLength": 512},
    "headers": {
        "type": "object",
        "description": "`ios-…`, `android-…`, `web-…` shape the notification; others travel",
    },
    "templateValues": {
        "type": "object",
        "description": "texts for `{name}` in the message, in headers and in the segment",
        "additionalProperties": _TEXT,
    },
    "publishPolicy": {"type": "string", "enum": ["PUSH", "PUBSUB", "BOTH"]},
    "pushBroadcast": {
        "description": "operating systems: names joined by `|`, or a mask",
        "anyOf": [
            {"type": "string", "enum": ["ALL", "IOS", "ANDROID", "OSX", "WEB", "IOS|ANDROID"]},
            {"type": "integer", "minimum": 0, "maximum": 31},
        ],
    },
    "pushSinglecast": {"type": "array", "items": _TEXT, "description": "device ids"},
    "pushUsers": {
        "type": "array",
        "items": _TEXT,
        "minItems": 1,
        "description": "only the devices of these users",
    },
    "segmentQuery": {"type": "string", "description": "a where clause on devices"},
    "publishAt": _MOMENT,
    "publishAtLocal": {
        "type": "string",
        "description": "a time of day, maybe with a date, in each device's own time zone",
        "examples": ["09:00", "2030-01-31T09:00"],
    },
    "repeatEvery": {"type": "integer", "minimum": 0, "description": "seconds"},
    "repeatExpiresAt": _MOMENT,
    "ttl": {
        "type": "integer",
        "minimum": 0,
        "maximum": 2_419_200,
        "description": "seconds that the provider keeps it for a device that is away",
    },
    "rate": {
        "type": "number",
        "minimum": 0.01,
        "maximum": 1_000_000,
        "description": "devices a second that are sent to; as fast as it can without",
    },
    "over": {
        "type": "integer",
        "minimum": 0,
        "maximum": 2_419_200,
        "description": "seconds in which all are sent to, evenly; instead of rate",
    },
    "canary": {
        "type": "number",
        "minimum": 0.01,
        "maximum": 50,
        "description": "percent of the audience that is sent to first, until it is resumed",
    },
    "pushType": {
        "type": "string",
        "enum": _PUSH_TYPES,
        "description": "of Apple's; it goes to the devices registered with it, and to no others",
    },
    "strict": {
        "type": "boolean",
        "description": "refuse it where anything of it has no effect, or another one",
    },
    "unknownPolicy": {
        "type": "string",
        "enum": ["once-if-collapsible", "at-most-once", "at-least-once"],
        "description": "whether a device is sent to again that no answer came for",
    },
}

_REGISTRATION: dict[str, Any] = {
    "deviceToken": {
        "description": "of a browser its subscription, as an object or as JSON",
        "anyOf": [{"type": "string", "maxLength": 4096}, {"type": "object"}],
    },
    "deviceId": {"type": "string", "minLength": 1, "maxLength": 512},
    "os": {"type": "string", "enum": ["IOS", "ANDROID", "OSX", "WEB"]},
    "tokenType": {
        "type": "string",
        "enum": ["apns", "fcm", "webpush"],
        "description": "whose token it is; fcm on IOS is one of the Firebase SDK",
    },
    "pushType": {
        "type": "string",
        "enum": _PUSH_TYPES,
        "description": "what the token is for; such a device's id ends with it (`P1.voip`)",
    },
    "topic": {
        "type": "string",
        "description": "of APNs; one with a push type's suffix stands for `pushType`",
    },
    "osVersion": _TEXT,
    "channels": {"type": "array", "items": _TEXT},
    "expiration": {
        "description": "epoch seconds or milliseconds, or ISO 8601; when the registration ends",
        "anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}],
    },
    "environment": {
        "type": "string",
        "enum": ["production", "sandbox"],
        "description": "of APNs, where it is not the app's",
    },
    "badge": {
        "type": "integer",
        "minimum": 0,
        "description": "what the app's icon shows: 0 once it is cleared; `+1` counts on from it",
    },
    "properties": {"type": "object", "description": "of the device, for segments"},
    "locale": _TEXT,
    "timezone": {"type": "string", "examples": ["Europe/Oslo"]},
    "userId": {
        "anyOf": [_TEXT, {"type": "null"}],
        "description": "null or empty unlinks the device from its user, left out it keeps it;"
        " a user's id counts with a key that has the scope `admin`",
    },
}

_TEMPLATE: dict[str, Any] = {
    "name": _TEXT,
    "message": {
        "description": "the text, or its texts by language with one called `default`",
        "anyOf": [_TEXT, {"type": "object", "additionalProperties": _TEXT}],
    },
    "platforms": {
        "type": "array",
        "items": {"type": "string", "enum": ["IOS", "ANDROID", "OSX", "WEB"]},
    },
    "channelName": _TEXT,
    "segmentQuery": {"anyOf": [_TEXT, {"type": "null"}]},
    "options": {"type": "object", "description": "`ios`, `android`, `osx`, `web`"},
}


_ACTIVITY: dict[str, Any] = {
    "state": {"type": "object", "description": "all that is shown (Apple's content-state)"},
    "attributesType": {"type": "string", "description": "of a start: the type in the app's code"},
    "attributes": {"type": "object", "description": "of a start: what never changes"},
    "alert": {
        "description": "a text, or title, body and sound, each also by language; a start needs one",
        "anyOf": [_TEXT, {"type": "object"}],
    },
    "template": {"type": "string", "description": "a stored template whose alert it is"},
    "templateValues": _PUBLISH["templateValues"],
    "staleDate": _MOMENT,
    "dismissalDate": _MOMENT,
    "relevanceScore": {"type": "number"},
    "priority": {"type": "integer", "enum": [5, 10]},
    "inputPushChannel": {"type": "string", "description": "of a start: a channel of Apple's"},
    "channel": {"type": "string", "description": "of a start: on the devices of this channel"},
    "pushUsers": _PUBLISH["pushUsers"],
    "pushSinglecast": _PUBLISH["pushSinglecast"],
    "publishAt": _MOMENT,
    "publishAtLocal": _PUBLISH["publishAtLocal"],
    "ttl": _PUBLISH["ttl"],
    "strict": _PUBLISH["strict"],
}

_ACTIVITY_TOKEN: dict[str, Any] = {
    "deviceId": {"type": "string", "minLength": 1, "maxLength": 512},
    "token": {
        "description": "of ActivityKit, in hexadecimal digits; null forgets it",
        "anyOf": [_TEXT, {"type": "null"}],
    },
    "activityId": {"type": "string", "description": "whose token it is"},
    "attributesType": {"type": "string", "description": "what it starts: a push-to-start token"},
    "frequentPushesEnabled": {
        "type": "boolean",
        "description": "false: updates that alert go with priority 5",
    },
}


def _body(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


PUBLISH = _body(_PUBLISH, "message")
REGISTRATION = _body(_REGISTRATION, "deviceToken", "deviceId", "os")
PROPERTIES = _body({})
ACTIVITY = _body(_ACTIVITY)
ACTIVITY_TOKEN = _body(_ACTIVITY_TOKEN, "deviceId", "token")
TEMPLATE = _body({**_TEMPLATE, "pushUsers": _PUBLISH["pushUsers"]}, "message")
TEMPLATE_VALUES = _body(
    {
        name: _PUBLISH[name]
        for name in (
            *("templateValues", "publishAt", "publishAtLocal"),
            *("repeatEvery", "repeatExpiresAt", "pushBroadcast", "pushSinglecast"),
            *("pushUsers", "segmentQuery", "ttl", "pushType", "strict", "unknownPolicy"),
        )
    }
)

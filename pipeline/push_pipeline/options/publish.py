"""PublishOptions: what is said beside the message, and the check of the message itself."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, TypedDict, Unpack

from pydantic import Field, PlainSerializer, PlainValidator

from push_pipeline.errors import EmptyMessage, InvalidParameter, MissingParameter
from push_pipeline.options.base import Options
from push_pipeline.options.json_values import copy_json

JsonObject = Mapping[str, Any]

#: Characters of a publisher's id and of a subtopic, as of a device's id: each is kept in a row.
NAME_MAX = 512


def read_text(value: object) -> str:
    """Return a text as it is, or raise InvalidParameter."""
    if not isinstance(value, str):
        raise InvalidParameter("publisherId, subtopic and segmentQuery are text")
    return value


def read_name(value: object) -> str:
    """Return a short text as it is, or raise InvalidParameter."""
    text = read_text(value)
    if len(text) > NAME_MAX:
        raise InvalidParameter(f"publisherId and subtopic have at most {NAME_MAX} characters")
    return text


def read_object(value: object) -> JsonObject:
    """Return a deep copy of a JSON object that cannot be changed, or raise InvalidParameter."""
    if not isinstance(value, Mapping):
        raise InvalidParameter("headers and templateValues are objects")
    return MappingProxyType(copy_json("headers or templateValues", dict(value)))


def read_template_values(value: object) -> Mapping[str, str]:
    """Return the values of smart text, those that are no text as JSON writes them.

    Null is left out, so that the variable counts as missing. Raises InvalidParameter.
    """
    given = {name: item for name, item in read_object(value).items() if item is not None}
    if any(isinstance(item, dict | list) for item in given.values()):
        raise InvalidParameter("a template value is text, a number or a truth value")
    texts = {
        name: item if isinstance(item, str) else json.dumps(item) for name, item in given.items()
    }
    return MappingProxyType(texts)


class PublishFields(TypedDict, total=False):
    """The keywords of PublishOptions; the names of the wire are taken as well."""

    publisher_id: str | None
    headers: Mapping[str, Any] | None
    subtopic: str | None
    template_values: Mapping[str, str | int | float | bool | None] | None


class PublishOptions(Options):
    """Who publishes, the headers that shape the notification, and values for smart text.

    Raises:
        InvalidParameter: a field has another type, or its name is unknown.
    """

    publisher_id: Annotated[str | None, PlainValidator(read_name)] = None
    headers: Annotated[JsonObject, PlainValidator(read_object), PlainSerializer(dict)] = Field(
        default_factory=lambda: MappingProxyType({})
    )
    subtopic: Annotated[str | None, PlainValidator(read_name)] = None
    template_values: Annotated[
        Mapping[str, str], PlainValidator(read_template_values), PlainSerializer(dict)
    ] = Field(default_factory=lambda: MappingProxyType({}))

    def __init__(self, **values: Unpack[PublishFields]) -> None:
        super().__init__(**values)


def check_message(body: Mapping[str, object], *, pushed: bool = True) -> object:
    """Return the message of a request body.

    Raises:
        MissingParameter: there is none.
        EmptyMessage: it is null, and devices are to get it.
    """
    if "message" not in body:
        raise MissingParameter("message is missing")
    message = body["message"]
    if message is None and pushed:
        raise EmptyMessage
    return message

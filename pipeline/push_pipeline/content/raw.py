"""A provider's own JSON, given by the publisher: checked at publish, merged in last.

It reaches what has no header of ours yet. The merge is that of JSON Merge Patch (RFC 7396):
objects are merged, null removes, anything else replaces.
"""

import json
from collections.abc import Mapping

from push_pipeline.content.values import compact_json
from push_pipeline.errors import InvalidParameter
from push_pipeline.options.json_values import parse_json

JsonObject = dict[str, object]


def read_raw(name: str, value: object) -> JsonObject:
    """Read an object, given as such or as its JSON text.

    Raises:
        InvalidParameter: it is no object, or not JSON in valid Unicode.
    """
    try:
        read = parse_json(name, value.encode()) if isinstance(value, str) else value
        if not isinstance(read, Mapping):
            raise InvalidParameter(f"{name} must be a JSON object")
        written: JsonObject = json.loads(compact_json(read))
    except (ValueError, RecursionError):
        raise InvalidParameter(f"{name} must be a JSON object in valid Unicode") from None
    return written


def merged(document: Mapping[str, object], patch: Mapping[str, object]) -> JsonObject:
    """Return a document with a patch merged in; neither is changed."""
    result = dict(document)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            below = result.get(name)
            result[name] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[name] = value
    return result

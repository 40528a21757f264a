"""Properties of a user or a device: a JSON object that both databases keep as it is."""

import json
from collections.abc import Mapping
from typing import Any

from push_pipeline.errors import InvalidParameter
from push_pipeline.options.json_values import copy_json

#: Bytes of JSON. They are read for every device of a personal push or a segment.
PROPERTIES_MAX_BYTES = 65_536


def check_properties(name: str, properties: object) -> dict[str, Any]:
    """Return a copy of properties; `name` is what an error calls them.

    Raises:
        InvalidParameter: they are no JSON object, too large, or hold what PostgreSQL's JSON or
            a provider cannot: the NUL character, text that is no Unicode.
    """
    if not isinstance(properties, Mapping):
        raise InvalidParameter(f"{name} must be an object")
    copy: dict[str, Any] = copy_json(name, dict(properties))
    written = json.dumps(copy, ensure_ascii=False, separators=(",", ":")).encode()
    if len(written) > PROPERTIES_MAX_BYTES:
        raise InvalidParameter(f"{name} must have at most {PROPERTIES_MAX_BYTES} bytes")
    if b"\\u0000" in written.replace(b"\\\\", b""):
        raise InvalidParameter(f"{name} must not contain the NUL character")
    return copy

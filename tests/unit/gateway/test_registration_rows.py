"""How a row of the table DeviceRegistration is named."""

import base64
import json

import pytest

from push_pipeline.errors import UnknownRegistration
from push_pipeline.gateway.routes.registration_rows import read_object_id, write_object_id


def test_a_row_is_named_by_its_device_and_channel() -> None:
    name = write_object_id("dév/1?", "a b,c")
    assert read_object_id(name) == ("dév/1?", "a b,c")
    assert name.isascii()
    assert not {"/", "?", "=", "+"} & {*name}


@pytest.mark.parametrize(
    "said",
    [
        ["\x00", "c"],
        ["d", "\x00"],
        ["d", 1],
        [None, "c"],
        ["d"],
        ["d", "c", "e"],
        7,
        None,
        ["\ud800", "c"],
    ],
)
def test_a_name_that_no_database_holds_is_no_rows(said: object) -> None:
    """PostgreSQL has no NUL in a text: it must not come so far."""
    name = base64.urlsafe_b64encode(json.dumps(said).encode()).decode()
    with pytest.raises(UnknownRegistration):
        read_object_id(name)

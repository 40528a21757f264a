"""The headers of a short way are those of the framework."""

import pytest
from starlette.datastructures import Headers

from push_pipeline.gateway.short_way import _KnownHeaders

_SENT = [(b"host", b"x"), (b"user-token", b"first"), (b"user-token", b"\xe4"), (b"empty", b"")]


@pytest.mark.parametrize("name", ["host", "HOST", "user-token", "empty", "missing"])
def test_a_header_is_found_as_the_framework_finds_it(name: str) -> None:
    known, usual = (
        _KnownHeaders({"type": "http", "headers": _SENT}),
        Headers(raw=_SENT),
    )

    assert known.get(name) == usual.get(name)
    assert known.get(name, "y") == usual.get(name, "y")
    assert (name in known) == (name in usual)
    assert known.items() == usual.items()
    if name in usual:
        assert known[name] == usual[name]

"""Which calls without a key are this machine's own."""

import pytest

from push_pipeline.gateway.keyless import is_from_here


@pytest.mark.parametrize(
    ("host", "arrived_at", "here"),
    [
        ("localhost", "127.0.0.1", True),
        ("[::1]", "::1", True),
        ("127.0.0.1", "127.8.8.8", True),
        ("localhost", "192.0.2.7", False),
        ("192.0.2.7", "192.0.2.7", False),
        ("shop.example", "127.0.0.1", False),
        ("", "127.0.0.1", False),
        ("localhost", "/run/gateway.sock", False),
        ("localhost", None, False),
    ],
)
def test_a_loopback_name_counts_where_the_connection_is_this_machines(
    host: str, arrived_at: str | None, here: bool
) -> None:
    assert is_from_here(host, arrived_at) is here

"""An address is shown so that it is recognised, and nothing in it is told."""

from pathlib import Path

import pytest

from push_pipeline.shown_address import shown


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql+psycopg://push:opensesame@db:5433/push", "postgresql://db:5433/push"),
        ("postgresql://me@/push?host=/run/pg&password=opensesame", "postgresql:///run/pg/push"),
        ("sqlite:////data/push.db?mode=opensesame", "the file /data/push.db"),
        ("sqlite:///var/push.db", f"the file {Path.cwd()}/var/push.db"),
        ("sqlite://", "a database in memory"),
        ("rediss://:opensesame@cache:6380/2?ssl_keyfile=opensesame", "rediss://cache:6380/2"),
        ("redis+socket://:opensesame@/run/redis.sock", "the socket /run/redis.sock"),
        ("redis://a:1/0;redis://:opensesame@b:2/0", "redis://a:1/0; redis://b:2/0"),
    ],
)
def test_an_address_is_recognised_and_nothing_secret_is_in_it(url: str, says: str) -> None:
    assert shown(url) == says
    assert "opensesame" not in says

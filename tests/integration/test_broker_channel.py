"""A worker's channel to Redis: one client for its messages, another after its connections."""

from types import SimpleNamespace

import pytest
from kombu import Connection

from push_workers.consumer.transport import RedisTransport


def test_messages_are_taken_and_acknowledged_by_one_client(
    broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = SimpleNamespace(
        delivery_info={"exchange": "", "routing_key": "apns"}, _raw={"body": "[7]"}
    )
    with Connection(broker_url, transport=RedisTransport) as connection:
        channel = connection.channel()
        with channel.conn_or_acquire() as client, channel.conn_or_acquire() as again:
            assert client is again
        channel.qos.append(message, "tag")
        assert client.zrange(channel.unacked_index_key, 0, -1) == [b"tag"]
        channel.qos.ack("tag")
        assert not client.exists(channel.unacked_index_key, channel.unacked_key)

        channel._disconnect_pools()
        with channel.conn_or_acquire() as other:
            assert other is not client
            assert other.ping()

        channel.qos.append(message, "another")
        channel._disconnect_pools()
        monkeypatch.setattr(channel.connection, "client", None)  # as it is once it is closed
        with pytest.raises(ConnectionError, match="closed"):
            channel.qos.ack("another")
        monkeypatch.undo()

"""kombu's Redis transport, but one that survives a broker that goes away while tasks are held.

A worker that holds unacknowledged tasks or tasks with an ETA when its connection breaks goes on
to put them back, or to acknowledge them, through the closed channel. kombu then trips over its
own closed connection with an AttributeError, which is no connection error: the worker ends.
Nothing has to be put back: the broker restores what it still has after the visibility time-out,
and the tick finds everything else.

A Redis that is full, or that a failover has made a replica, answers with errors that kombu takes
for defects: the worker would end. It is as good as away, and may be another server next time.
"""

from typing import Any

from kombu.asynchronous import get_event_loop
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as redis_transport
from redis.connection import DefaultParser
from redis.exceptions import ConnectionError as RedisConnectionError

#: What a server says that cannot take our commands now, by the first word of its error.
NOT_NOW = ("CLUSTERDOWN", "MASTERDOWN", "MISCONF", "NOREPLICAS", "OOM", "READONLY", "UNBLOCKED")


class BrokerNotWritable(RedisConnectionError):
    """The server is there and takes nothing: it is full, a replica, or about to be one."""


class QoS(redis_transport.QoS):
    """The unacknowledged messages of a channel."""

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message; where the broker does not take it, connect anew.

        kombu logs the error and goes on, and the message keeps its prefetch slot: with one slot
        for each child the worker would stop without a word.
        """
        try:
            super().ack(delivery_tag)
        except self.channel.connection_errors as error:
            _break_the_loop(error)
            raise

    def restore_unacked(self, client: Any = None) -> None:
        """Put back what was not acknowledged, unless the connection is closed already."""
        if _is_closed(self.channel):
            self._delivered.clear()
            return
        super().restore_unacked(client)


class _NamesWhatIsClosed:
    """A channel that calls a closed connection by its name, and keeps its client.

    kombu makes a client for each message that it takes and for each that it acknowledges, which
    costs as much as asking the server does.
    """

    QoS = QoS
    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]
        pool = self.pool  # type: ignore[attr-defined]
        if self._kept is None or self._kept.connection_pool is not pool:
            self._kept = super()._create_client()  # type: ignore[misc]
        return self._kept

    def _connparams(self, asynchronous: bool = False) -> Any:
        if _is_closed(self):
            raise ConnectionError("the connection to the broker is closed")
        return super()._connparams(asynchronous=asynchronous)  # type: ignore[misc]


class RedisChannel(_NamesWhatIsClosed, redis_transport.Channel):
    """A channel to one server."""


class RedisTransport(redis_transport.Transport):
    """kombu's transport with our channel."""

    Channel = RedisChannel


class SentinelChannel(_NamesWhatIsClosed, redis_transport.SentinelChannel):
    """A channel to the server that Sentinel calls the master."""


class SentinelTransport(redis_transport.SentinelTransport):
    """kombu's transport by Sentinel with our channel."""

    Channel = SentinelChannel


def _break_the_loop(error: Exception) -> None:
    """Let the consumer's event loop meet the error, as if it had come from reading."""
    hub = get_event_loop()
    if hub is not None:
        hub.call_soon(_raise, error)


def _raise(error: Exception) -> None:
    raise error


def _is_closed(channel: Any) -> bool:
    return channel.connection is None or channel.connection.client is None


def install() -> None:
    """Let Redis URLs of this process mean this transport, and see a full server as away."""
    DefaultParser.EXCEPTION_CLASSES.update(dict.fromkeys(NOT_NOW, BrokerNotWritable))
    for scheme in ("redis", "rediss", "redis+socket"):
        if scheme in TRANSPORT_ALIASES:
            TRANSPORT_ALIASES[scheme] = f"{__name__}:RedisTransport"
    TRANSPORT_ALIASES["sentinel"] = f"{__name__}:SentinelTransport"

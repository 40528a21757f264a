"""kombu's Redis transport, but one that survives a broker that goes away while tasks are held.

A worker that holds unacknowledged tasks or tasks with an ETA when its connection breaks goes on
to put them back, or to acknowledge them, through the closed channel. kombu then trips over its
own closed connection with an AttributeError, which is no connection error: the worker ends.
Nothing has to be put back: the broker restores what it still has after the visibility time-out,
and the tick finds everything else.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as redis_transport


class QoS(redis_transport.QoS):
    """The unacknowledged messages of a channel."""

    def restore_unacked(self, client: Any = None) -> None:
        """Put back what was not acknowledged, unless the connection is closed already."""
        if _is_closed(self.channel):
            self._delivered.clear()
            return
        super().restore_unacked(client)


class RedisChannel(redis_transport.Channel):
    """A channel that calls a closed connection by its name."""

    QoS = QoS

    def _connparams(self, asynchronous: bool = False) -> Any:
        if _is_closed(self):
            raise ConnectionError("the connection to the broker is closed")
        return super()._connparams(asynchronous=asynchronous)


class RedisTransport(redis_transport.Transport):
    """kombu's transport with our channel."""

    Channel = RedisChannel


def _is_closed(channel: Any) -> bool:
    return channel.connection is None or channel.connection.client is None


def install() -> None:
    """Let Redis URLs of this process mean this transport."""
    for scheme in ("redis", "rediss", "redis+socket"):
        if scheme in TRANSPORT_ALIASES:
            TRANSPORT_ALIASES[scheme] = f"{__name__}:RedisTransport"

"""What a service may do to the connection that a request came in on."""

from typing import Protocol

from push_workers.simulator.binding import Binding
from push_workers.simulator.messages import Answer, Shape


class Link(Protocol):
    """One client connection, HTTP/2 or HTTP/1.1. On HTTP/1.1 every stream is 0."""

    number: int
    binding: Binding

    def is_dropped(self, stream: int) -> bool:
        """Say whether a GOAWAY promised that this stream was not processed."""
        ...

    def answer(self, stream: int, answer: Answer, shape: Shape = Shape.WHOLE) -> None:
        """Answer a request; nothing happens if the client no longer waits."""
        ...

    def answer_headers(self, stream: int, answer: Answer) -> None:
        """Begin an answer that will not be finished."""
        ...

    def reset(self, stream: int, code: int) -> None:
        """End one stream without an answer."""
        ...

    def cut(self, *, flush: bool = False) -> None:
        """Break the connection with a TCP reset, `flush`ing what is written already."""
        ...

    def goaway(self, reason: str, *, spare: int = 0, close: bool = False) -> None:
        """Announce the end; see `Codec.goaway`. `close` does not wait for open streams."""
        ...

    def limit(self, streams: int) -> None:
        """Announce another stream limit."""
        ...

    def stall(self, seconds: float) -> None:
        """Read nothing for a while, as a half-open connection does."""
        ...

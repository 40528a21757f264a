"""What a connection allows its client, and how strict it is."""

from typing import NamedTuple

from push_workers.simulator.http2.frames import DEFAULT_WINDOW_BYTES


class Terms(NamedTuple):
    """Fixed when the connection begins."""

    streams: int = 100
    window_bytes: int = DEFAULT_WINDOW_BYTES
    grant_window: bool = True
    strict_overrun: bool = False  # GOAWAY instead of REFUSED_STREAM
    index_headers: bool = True  # use HPACK's dynamic table for answers, as the providers do

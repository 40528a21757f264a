"""The other side in memory: h2 reads what we send, and frames are written by hand."""

import h2.config
import h2.connection
import h2.events
import h2.settings
from hpack import Encoder

from push_workers.senders.http2 import frames
from push_workers.senders.http2.codec import Codec
from push_workers.senders.http2.requests import Requests
from push_workers.senders.http2.stats import RunningTotals

FIELDS = (
    (b":method", b"POST"),
    (b":scheme", b"https"),
    (b":authority", b"push.example.com"),
    (b"authorization", b"bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln"),
    (b"apns-topic", b"com.example.app"),
)


class Reader:
    """h2 as the server: every request that it read, as (path, fields, body)."""

    def __init__(self, **settings: int) -> None:
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding=None)
        )
        if settings:
            self.h2.local_settings = h2.settings.Settings(
                client=False,
                initial_values={
                    getattr(h2.settings.SettingCodes, name): value
                    for name, value in settings.items()
                },
            )
            self.h2.max_inbound_frame_size = self.h2.local_settings.max_frame_size
            self.h2.decoder.max_allowed_table_size = self.h2.local_settings.header_table_size
        self.h2.initiate_connection()
        self.headers: dict[int, list[tuple[bytes, bytes]]] = {}
        self.bodies: dict[int, bytes] = {}
        self.ended: list[int] = []
        self.events: list[h2.events.Event] = []

    def read(self, data: bytes, *, acknowledge: bool = True) -> bytes:
        """Take bytes; return what h2 answers."""
        for event in self.h2.receive_data(data):
            self.events.append(event)
            match event:
                case h2.events.RequestReceived():
                    self.headers[event.stream_id] = [(bytes(n), bytes(v)) for n, v in event.headers]
                    self.bodies[event.stream_id] = b""
                case h2.events.DataReceived():
                    self.bodies[event.stream_id] += event.data
                    if acknowledge and event.flow_controlled_length:
                        self.h2.acknowledge_received_data(
                            event.flow_controlled_length, event.stream_id
                        )
                case h2.events.StreamEnded():
                    self.ended.append(event.stream_id)
        return self.h2.data_to_send()

    def path(self, stream: int) -> bytes:
        return dict(self.headers[stream])[b":path"]


def codec_with(requests: int, *, brief: bool = False, **options: object) -> tuple[Codec, list]:
    """A codec that has `requests` in flight; request `i` is stream `2 * i + 1`."""
    codec = Codec(RunningTotals(), **options)
    results: list = [None] * requests
    codec.begin(results, brief=brief)
    paths = [b"/%d" % n for n in range(requests)]
    codec.submit(Requests(paths, b"{}"), range(requests), FIELDS)
    return codec, results


def talk(codec: Codec, reader: Reader, data: bytes) -> None:
    """Carry bytes between both until nobody has anything to say."""
    while data:
        reply = reader.read(data)
        codec.receive(reply)
        data = codec.replies()


def headers_frame(stream: int, block: bytes, flags: int = 0) -> bytes:
    return frames.frame(frames.HEADERS, frames.END_HEADERS | flags, stream, block)


def data_frame(stream: int, payload: bytes, flags: int = frames.END_STREAM) -> bytes:
    return frames.frame(frames.DATA, flags, stream, payload)


class Writer:
    """Answers by hand; `obeys` says whether our header table size of 0 is respected."""

    def __init__(self, *, obeys: bool = True) -> None:
        self.encoder = Encoder()
        if obeys:
            self.encoder.header_table_size = 0

    def block(self, *fields: tuple[str, str]) -> bytes:
        return self.encoder.encode(fields)

    def answer(self, stream: int, status: int = 200, *fields: tuple[str, str]) -> bytes:
        block = self.block((":status", str(status)), *fields)
        return headers_frame(stream, block, frames.END_STREAM)

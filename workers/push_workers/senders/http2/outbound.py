"""The sending half of a connection: requests to bytes, within the peer's windows.

A request whose frames fit is one `struct.pack`; a chunk of them is one join. A body larger than
a frame or a window goes out in pieces, and its rest waits here until the window opens.
"""

import struct
from bisect import bisect_right
from collections.abc import Callable, Container, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, chain, repeat
from typing import NamedTuple

from push_workers.senders.http2 import frames
from push_workers.senders.http2.frames import ErrorCode, PeerViolation
from push_workers.senders.http2.hpack_encoder import (
    Block,
    Field,
    HeaderEncoder,
    integer,
    literal_name,
)
from push_workers.senders.http2.requests import Requests

PATH = literal_name(b":path")  # a path is used once, so it never enters the table


class Layout(NamedTuple):
    """How requests of one shape (length of path, body and id) are packed."""

    pack: Callable[..., bytes] | None  # None: does not fit into one frame of each kind
    head: bytes
    opening: bytes
    closing: bytes
    data_head: bytes


class Rest:
    """What is left to send of one request's body."""

    __slots__ = ("body", "window")

    def __init__(self, body: memoryview, window: int) -> None:
        self.body = body
        self.window = window  # bytes this stream may still send


class Outbound:
    """What the peer allows us to send, and the requests turned into frames."""

    def __init__(self, id_header: bytes | None) -> None:
        self.encoder = HeaderEncoder()
        self.window = frames.DEFAULT_WINDOW
        self.next_stream = 1
        self._id_name = literal_name(id_header) if id_header else b""
        self._stream_window = frames.DEFAULT_WINDOW
        self._max_frame = frames.DEFAULT_MAX_FRAME
        self._rests: dict[int, Rest] = {}

    @property
    def blocked(self) -> bool:
        """No body byte can leave before a WINDOW_UPDATE for the connection."""
        return self.window <= 0

    def submit(
        self, requests: Requests, indexes: Sequence[int], fields: Sequence[Field]
    ) -> tuple[bytes, range]:
        """Open one stream for each request, as far as the connection's window goes.

        Returns:
            The bytes, and the streams opened for the first of `indexes`.
        """
        parts: list[bytes] = []
        first = self.next_stream
        done = 0
        while done < len(indexes) and not self.blocked:
            block = self.encoder.encode(fields)
            # A block that changes the table is sent once; the next request gets a new one.
            some = indexes[done:] if block.steady else indexes[done : done + 1]
            quick = self._append_alike if requests.are_alike else self._append_uneven
            done += quick(parts, requests, some, block) or self._append(
                parts, requests, some, block
            )
        return b"".join(parts), range(first, self.next_stream, 2)

    def resume(self, waiting: Container[int]) -> bytes:
        """Send what the windows allow of the rests; cancel those whose answer came early."""
        parts = []
        for stream, rest in list(self._rests.items()):
            if stream not in waiting:
                del self._rests[stream]
                parts.append(frames.reset(stream, ErrorCode.CANCEL))
                continue
            parts.extend(self._data(stream, rest))
        return b"".join(parts)

    def forget(self, stream: int) -> None:
        """Drop the rest of a stream that was reset."""
        self._rests.pop(stream, None)

    @property
    def has_rests(self) -> bool:
        """Some body is not wholly sent."""
        return bool(self._rests)

    def set_stream_window(self, size: int) -> None:
        """Take over SETTINGS_INITIAL_WINDOW_SIZE; open streams move by the difference."""
        if size > frames.LARGEST:
            raise PeerViolation(ErrorCode.FLOW_CONTROL_ERROR, "InitialWindow")
        for rest in self._rests.values():
            rest.window += size - self._stream_window
        self._stream_window = size

    def set_max_frame(self, size: int) -> None:
        """Take over SETTINGS_MAX_FRAME_SIZE."""
        if not frames.DEFAULT_MAX_FRAME <= size <= frames.LARGEST_MAX_FRAME:
            raise PeerViolation(ErrorCode.PROTOCOL_ERROR, "MaxFrameSize")
        self._max_frame = size

    def widen(self, increment: int) -> None:
        """Take over a WINDOW_UPDATE of the connection."""
        self.window += increment
        if self.window > frames.LARGEST:
            raise PeerViolation(ErrorCode.FLOW_CONTROL_ERROR, "Window")

    def widen_stream(self, stream: int, increment: int) -> bool:
        """Take over a WINDOW_UPDATE of a stream; False if its window is now beyond the limit."""
        rest = self._rests.get(stream)
        if rest is None:
            return True
        rest.window += increment
        return rest.window <= frames.LARGEST

    def _append_alike(
        self, parts: list[bytes], requests: Requests, indexes: Sequence[int], block: Block
    ) -> int:
        """Pack requests of one shape, as many as the window has room for; return how many."""
        if requests.shape is None:
            return 0
        layout = self._layout(block, requests.shape, requests.starts)
        pack, head, opening, closing, data_head = layout
        if pack is None:
            return 0
        body_size = requests.shape[1]
        some = indexes[: self.window // body_size]
        streams = range(self.next_stream, self.next_stream + 2 * len(some), 2)
        paths, bodies, ids = requests.columns(some)
        parts += map(
            pack,
            *(repeat(head), streams, repeat(opening), paths, repeat(closing), ids),
            *(repeat(data_head), streams, bodies),
        )
        self.next_stream = streams.stop
        self.window -= body_size * len(some)
        return len(some)

    def _append_uneven(
        self, parts: list[bytes], requests: Requests, indexes: Sequence[int], block: Block
    ) -> int:
        """Pack requests of which the bodies alone differ in length, as `_append_alike` does."""
        if requests.shape is None or not requests.shortest:
            return 0
        # Of the longest: if it fits, all do.
        layout = self._layout(block, requests.shape, requests.starts)
        if layout.pack is None:
            return 0
        head, opening, closing = layout.head, layout.opening, layout.closing
        path_size, _, id_size = requests.shape
        pack = _head_packer(len(opening), path_size, len(closing), id_size)
        sizes = requests.body_sizes(indexes)
        if sum(sizes) > self.window:
            sizes = sizes[: bisect_right([*accumulate(sizes)], self.window)]
        some = indexes[: len(sizes)]
        streams = range(self.next_stream, self.next_stream + 2 * len(some), 2)
        parts += chain.from_iterable(
            [
                (pack(head, stream, opening, path, closing, request_id, data_head, stream), body)
                for stream, (path, body, request_id), data_head in zip(
                    streams, requests.select(some), map(_data_head, sizes), strict=True
                )
            ]
        )
        self.next_stream = streams.stop
        self.window -= sum(sizes)
        return len(some)

    def _append(
        self, parts: list[bytes], requests: Requests, indexes: Sequence[int], block: Block
    ) -> int:
        layouts: dict[tuple[int, int, int], Layout] = {}
        path_size = body_size = id_size = -1
        first = stream = self.next_stream
        window = self.window
        for path, body, request_id in requests.select(indexes):
            if len(path) != path_size or len(body) != body_size or len(request_id) != id_size:
                path_size, body_size, id_size = shape = len(path), len(body), len(request_id)
                layouts[shape] = layout = layouts.get(shape) or self._layout(
                    block, shape, requests.starts
                )
                pack, head, opening, closing, data_head = layout
            if pack and body_size <= window:
                window -= body_size
                parts.append(
                    pack(head, stream, opening, path, closing, request_id, data_head, stream, body)
                )
            elif window > 0:
                self.window = window
                parts.extend(self._pieces(stream, opening + path + closing + request_id, body))
                window = self.window
            else:
                break
            stream += 2
        self.next_stream, self.window = stream, window
        return (stream - first) // 2

    def _layout(
        self, block: Block, shape: tuple[int, int, int], starts: tuple[bytes, bytes]
    ) -> Layout:
        path, body, request_id = shape
        path_start, id_start = starts
        opening = block.update + PATH + integer(len(path_start) + path, 7) + path_start
        whole_id = len(id_start) + request_id
        id_field = self._id_name + integer(whole_id, 7) + id_start if whole_id else b""
        closing = block.fields + id_field
        size = len(opening) + path + len(closing) + request_id
        fits = 0 < body <= min(self._stream_window, self._max_frame) and size <= self._max_frame
        return Layout(
            _packer(len(opening), path, len(closing), request_id, body) if fits else None,
            frames.frame_head(size, frames.HEADERS, frames.END_HEADERS) if fits else b"",
            opening,
            closing,
            _data_head(body) if fits else b"",
        )

    def _pieces(self, stream: int, block: bytes, body: bytes) -> Iterator[bytes]:
        """HEADERS with its CONTINUATIONs, then as much of the body as may go."""
        kind, ends = frames.HEADERS, 0 if body else frames.END_STREAM
        while len(block) > self._max_frame:
            yield frames.frame(kind, ends, stream, block[: self._max_frame])
            block = block[self._max_frame :]
            kind, ends = frames.CONTINUATION, 0
        yield frames.frame(kind, ends | frames.END_HEADERS, stream, block)
        if body:
            self._rests[stream] = rest = Rest(memoryview(body), self._stream_window)
            yield from self._data(stream, rest)

    def _data(self, stream: int, rest: Rest) -> Iterator[bytes]:
        while (room := min(self.window, rest.window, self._max_frame)) > 0:
            piece, rest.body = rest.body[:room], rest.body[room:]
            self.window -= len(piece)
            rest.window -= len(piece)
            last = not rest.body
            yield frames.frame(frames.DATA, frames.END_STREAM if last else 0, stream, bytes(piece))
            if last:
                del self._rests[stream]
                return


@lru_cache(maxsize=4096)
def _packer(*lengths: int) -> Callable[..., bytes]:
    """`struct.pack` for HEADERS and DATA of one request; bound, so that no lookup is left."""
    opening, path, closing, request_id, body = lengths
    return struct.Struct(f">5sI{opening}s{path}s{closing}s{request_id}s5sI{body}s").pack


@lru_cache(maxsize=4096)
def _head_packer(*lengths: int) -> Callable[..., bytes]:
    """As `_packer`, for all of a request that stands before its body."""
    opening, path, closing, request_id = lengths
    return struct.Struct(f">5sI{opening}s{path}s{closing}s{request_id}s5sI").pack


@lru_cache(maxsize=4096)
def _data_head(size: int) -> bytes:
    """What a frame of a whole body of some length begins with, before the stream's number."""
    return frames.frame_head(size, frames.DATA, frames.END_STREAM)

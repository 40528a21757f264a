"""The receiving half of a connection: which stream is which request, and how it ended."""

from typing import NamedTuple

from push_workers.senders.http2.endings import Ended, Ending, Fields, Kept
from push_workers.senders.http2.frames import ErrorCode, error_word
from push_workers.senders.http2.header_blocks import HeaderBlocks
from push_workers.senders.http2.stats import RunningTotals

#: Bytes of one answer's body. The providers' are below 4 KiB, an HTML page of some proxy in
#: between is below this; announced as the window of each stream, so nobody may send more.
MAX_BODY_BYTES = 1_048_576

FIRST_FINAL_STATUS = 200
OK = 200

#: Statuses by which a server may ask to be left alone for a while (RFC 9110, 10.2.3).
TOO_MANY_REQUESTS = 429
FIRST_SERVER_ERROR = 500

ANSWER = Ended.ANSWER  # looking a member up costs as much as making the ending

#: What is kept of the headers of a 200 of which nothing but the body is asked for.
BRIEF_200: tuple[int, bytes | Fields] = (OK, b"")


class Returned(NamedTuple):
    """A request that was surely not processed; whoever gave it may send it again."""

    request: int
    kind: Ended
    detail: str


class Answers:
    """Streams without an end, and the endings by request.

    `results` is the caller's list: the answer of stream `s` goes to `results[waiting[s]]`.
    Streams are all that correlates an answer with its request. Where a `brief` list is asked for,
    an answer 200 is its body and no more.
    """

    def __init__(self, tally: RunningTotals) -> None:
        self.answered = False  # some request has had its answer
        self.blocks = HeaderBlocks()
        self.waiting: dict[int, int] = {}  # stream -> index of the request
        self.results: list[Kept | None] = []
        self.brief = False
        self.returned: list[Returned] = []
        self.complaints: list[Ending] = []  # answers of a server that has too much to do, or fails
        self.begun: dict[int, tuple[int, bytes | Fields]] = {}  # headers came, the end did not
        self.bodies: dict[int, bytearray] = {}  # of which several parts came
        self._tally = tally

    def headers(self, stream: int, block: bytes, ended: bool) -> ErrorCode | None:
        """Take a whole header block; a returned code says to reset the stream."""
        status, fields = self.blocks.open(block)  # also of streams that nobody waits for
        if stream not in self.waiting:
            return None
        if stream in self.begun:  # trailers
            return self.data(stream, b"", ended) if ended else self._malformed(stream, "Trailers")
        if 0 < status < FIRST_FINAL_STATUS and not ended:
            return None
        if status < FIRST_FINAL_STATUS:
            return self._malformed(stream, "Status")
        self.begun[stream] = BRIEF_200 if status == OK and self.brief else (status, fields)
        return self.data(stream, b"", ended) if ended else None

    def data(self, stream: int, payload: bytes, ended: bool) -> ErrorCode | None:
        """Take a part of a body; a returned code says to reset the stream."""
        if stream not in self.waiting:
            return None
        if stream not in self.begun:
            return self._malformed(stream, "DataFirst")
        body = self.bodies.get(stream)
        if body is not None:
            body += payload
        elif not ended:
            body = self.bodies[stream] = bytearray(payload)
        if body is not None and len(body) > MAX_BODY_BYTES:
            self._end(stream, "BodyTooLarge")
            return ErrorCode.CANCEL
        if ended:
            self._complete(stream, payload if body is None else bytes(self.bodies.pop(stream)))
        return None

    def _complete(self, stream: int, body: bytes) -> None:
        status, fields = self.begun.pop(stream)
        if status == OK and self.brief:
            self.results[self.waiting.pop(stream)] = body
        else:
            self._note(stream, Ending(ANSWER, status, body, fields))
        if not self.answered:
            self._first_answer()

    def _note(self, stream: int, ending: Ending) -> None:
        self.results[self.waiting.pop(stream)] = ending
        status = ending.status
        if status == TOO_MANY_REQUESTS or status >= FIRST_SERVER_ERROR:
            self.complaints.append(ending)

    def reset(self, stream: int, code: int) -> None:
        """The peer ended a stream; only REFUSED_STREAM before any answer promises anything."""
        if stream not in self.waiting:
            return
        if code == ErrorCode.REFUSED_STREAM and stream not in self.begun:
            self._give_back(stream, Ended.REFUSED, "RefusedStream")
        else:
            self._end(stream, f"Reset:{error_word(code)}")

    def refuse_above(self, last: int, detail: str) -> None:
        """A GOAWAY came: streams above its last were not processed (RFC 9113, 6.8)."""
        for stream in [stream for stream in self.waiting if stream > last]:
            self._give_back(stream, Ended.REFUSED, detail)

    def not_sent(self, streams: range, detail: str) -> None:
        """These were never handed to the network."""
        for stream in streams:
            if stream in self.waiting:
                self._give_back(stream, Ended.NOT_SENT, detail)

    def end_all(self, detail: str) -> None:
        """Nothing more will come: whatever still waits may have been processed."""
        for stream in list(self.waiting):
            self._end(stream, detail)

    def _malformed(self, stream: int, what: str) -> ErrorCode:
        self._end(stream, f"Protocol:{what}")
        return ErrorCode.PROTOCOL_ERROR

    def _first_answer(self) -> None:
        self.answered = True
        self._tally.stateful += not self.blocks.self_contained

    def _end(self, stream: int, detail: str) -> None:
        self._tally.unknown += 1
        self.results[self._forget(stream)] = Ending(Ended.UNKNOWN, detail=detail)

    def _give_back(self, stream: int, kind: Ended, detail: str) -> None:
        self._tally.refused += kind is Ended.REFUSED
        self.returned.append(Returned(self._forget(stream), kind, detail))

    def _forget(self, stream: int) -> int:
        self.begun.pop(stream, None)
        self.bodies.pop(stream, None)
        return self.waiting.pop(stream)

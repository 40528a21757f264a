"""One connection's life: dialled, proven by one request alone, open, leaving, closed."""

import itertools
import math
from enum import Enum, auto

from push_workers.senders.http2 import frames
from push_workers.senders.http2.answers import Returned
from push_workers.senders.http2.call import Call
from push_workers.senders.http2.channel import Channel, ChannelError
from push_workers.senders.http2.codec import OPENING, Codec
from push_workers.senders.http2.endings import Ending
from push_workers.senders.http2.frames import ErrorCode, PeerViolation
from push_workers.senders.http2.patience import Patience

#: Requests per write: large enough that a write's cost vanishes, small enough that the peer
#: works on the first while we pack the next.
CHUNK = 128
#: Seconds of round trip from which answers are worth gathering (the pause is small then),
#: and requests in flight below which there is nothing to gather.
GATHER_ROUND_TRIP_SECONDS = 0.010
GATHER_IN_FLIGHT = 16

#: Requests after which servers retire a connection in good order (nginx: 1,000). APNs ends one
#: much sooner, for errors, and does not like it to be replaced in haste.
FRUITFUL_REQUESTS = 1000

#: Requests after which another connection may take the place of one that the server retired
#: without a complaint: some do so every hundred streams.
ORDERLY_REQUESTS = 50

#: How a GOAWAY is told that complains of nothing.
_GOOD_ORDER = frozenset({"GoAway:NoError", "GoAway:Shutdown"})

PING = frames.frame(frames.PING, 0, 0, b"push-pip")

_numbers = itertools.count(1)


#: How the end of a connection is told that was to prove itself, and never answered a PING.
_UNPROVEN = {"ConnectionLost": "ConnectFailed", "PingTimeout": "ConnectTimeout"}


class Phase(Enum):
    """Where a connection stands."""

    DIALLING = auto()  # TCP and TLS
    CHECKING = auto()  # a PING is out: after a silence, or since others came to nothing
    OPEN = auto()
    CLOSED = auto()


class Connection:
    """A channel and a codec. `number` is unique in this process.

    One that is `careful` sends no request before its peer has answered anything: where others
    came to nothing, what is sent too early would end as unknown.
    """

    def __init__(
        self,
        channel: Channel,
        codec: Codec,
        now: float,
        patience: Patience,
        *,
        careful: bool = False,
    ) -> None:
        self.number = next(_numbers)
        self.phase = Phase.DIALLING
        self.failure = ""  # why it closed
        self.useless = False  # it closed without any answer, though there was work for it
        self._channel = channel
        self._codec = codec
        self._expires_at = now + patience.connect  # of the phase, where it has an end
        self._heard_at = now
        self._pings = 0
        self._chunk: tuple[int, range] | None = None  # ciphertext before it, its streams
        self._sample: tuple[int, float] | None = None  # a stream, when it was opened
        self._round_trip = 0.0  # seconds, the last measured
        self._gathers = False
        self._patience = patience
        self._credited = False
        self._kept = False  # it was open when a call began
        self._unproven = careful

    @property
    def in_flight(self) -> int:
        """Requests without an end."""
        return self._codec.in_flight

    @property
    def usable(self) -> bool:
        """It takes requests now or will soon."""
        return self.phase is not Phase.CLOSED and not self._codec.finished

    @property
    def room(self) -> int:
        """How many requests it takes now.

        The first one goes alone: before the first accepted token push APNs allows one stream.
        """
        if self.phase is not Phase.OPEN or self._channel.backlog:
            return 0
        if not self._codec.answers.answered:
            return min(self._codec.room, 0 if self.in_flight else 1)
        return min(self._codec.room, CHUNK)

    @property
    def fruitful(self) -> bool:
        """It has carried so many requests that another one may take its place at once."""
        enough = ORDERLY_REQUESTS if self.leaves_in_order else FRUITFUL_REQUESTS
        return self._codec.outbound.next_stream > 2 * enough

    @property
    def leaves_in_order(self) -> bool:
        """The peer has answered, and retires it without a complaint."""
        return self._codec.answers.answered and self._codec.goaway in _GOOD_ORDER

    def takes_credit(self) -> bool:
        """It has given its first answer; true once."""
        first = self._codec.answers.answered and not self._credited
        self._credited = self._credited or first
        return first

    def latency(self, now: float) -> float:
        """Return the seconds that an answer takes, as far as one is known or waited for."""
        waited = now - self._sample[1] if self._sample else 0.0
        return max(self._round_trip, waited)

    @property
    def gathers(self) -> bool:
        """Answers trickle in from afar: waiting a moment takes several at once."""
        return self._gathers and self.in_flight > GATHER_IN_FLIGHT

    def fileno(self) -> int:
        """For poll."""
        return self._channel.fileno()

    @property
    def events(self) -> int:
        """What poll should wait for."""
        return self._channel.events

    @property
    def wakes_at(self) -> float:
        """When `tick` has something to do; infinity while nothing is awaited but answers."""
        if self.phase is Phase.DIALLING:
            return min(self._expires_at, self._channel.redials_at)
        return self._expires_at if self.phase is Phase.CHECKING else math.inf

    def begin(self, call: Call, now: float) -> None:
        """A call starts: notice what happened since the last one, ask if that is long ago."""
        self._codec.begin(call.results, brief=call.brief)
        if self.phase is Phase.DIALLING:  # it was left over by a call that did not need it
            self._expires_at = now + self._patience.connect
            return
        self._kept = True
        self._sample = None  # of the last call, which waits for it no longer
        silence = now - self._heard_at
        self.step(now)
        if self.phase is Phase.OPEN and silence > self._patience.idle:
            self._check(now)

    def submit(self, call: Call, now: float) -> None:
        """Send the next requests of a call, as many as there is room for."""
        indexes = call.peek(self.room)
        data, streams = self._codec.submit(call.requests, indexes, call.fields(self.number))
        self._chunk = self._channel.encrypted, streams
        if self._sample is None and streams:
            self._sample = streams[0], now
        self._channel.write(data)
        call.took(len(streams))
        if self._channel.ended:
            self._close(self._codec.goaway or "ConnectionLost")

    def step(self, now: float) -> None:
        """Something happened on the socket."""
        try:
            if self.phase is Phase.DIALLING:
                self._dial(now)
            else:
                self._exchange(now)
        except ChannelError as error:
            self._close(error.word)
        except PeerViolation as violation:
            self._channel.write(frames.goaway(violation.code))
            self._close(violation.word)

    def tick(self, now: float) -> None:
        """Time has passed."""
        if now < self.wakes_at:
            return
        if now >= self._expires_at:
            self._close("ConnectTimeout" if self.phase is Phase.DIALLING else "PingTimeout")
            return
        try:
            self._channel.redial_if_slow(now)
        except ChannelError as error:
            self._close(error.word)

    def returned(self) -> list[Returned]:
        """Requests that came back unprocessed since the last time."""
        answers = self._codec.answers
        taken, answers.returned = answers.returned, []
        return taken

    def complaints(self) -> list[Ending]:
        """Answers since the last time that say that the server has too much to do, or fails."""
        answers = self._codec.answers
        taken, answers.complaints = answers.complaints, []
        return taken

    def cancel(self, now: float) -> None:
        """The call's time is over: let go of what it has in flight."""
        if self.phase is Phase.DIALLING:
            self._close("ConnectTimeout")
        elif self._channel.backlog:  # the peer does not read; what is half written stays so
            self._close("Timeout")
        elif self.in_flight:
            self._channel.write(self._codec.cancel("Timeout"))
            if self.phase is Phase.OPEN:
                self._check(now)

    def close(self, why: str = "Closed") -> None:
        """Say GOAWAY and close."""
        if self.phase is Phase.OPEN and not self._channel.backlog:
            self._channel.write(frames.goaway(ErrorCode.NO_ERROR))
        self._close(why)

    def abandon(self) -> None:
        """Close our copy of the socket without a word to the peer."""
        self.phase = Phase.CLOSED
        self._channel.abandon()

    def _dial(self, now: float) -> None:
        self._channel.advance(now)
        if self._channel.secure:
            self.phase = Phase.OPEN
            self._heard_at = now
            self._channel.write(OPENING)
            if self._unproven:
                self._check(now)
            self._exchange(now)  # the peer's SETTINGS may have come with its last handshake bytes

    def _exchange(self, now: float) -> None:
        self._channel.flush()
        data = self._channel.read()
        before = self.in_flight
        if data:
            self._heard(data, now)
        self._measure(before - self.in_flight, now)
        if self._channel.ended:
            self._close(self._codec.goaway or "ConnectionLost")
        elif self._codec.finished and not self.in_flight:
            self.close(self._codec.goaway or "NumbersUsedUp")

    def _heard(self, data: bytes, now: float) -> None:
        self._heard_at = now
        self._codec.receive(data)
        if replies := self._codec.replies():
            self._channel.write(replies)
        if self.phase is Phase.CHECKING and self._codec.pings_answered >= self._pings:
            self.phase = Phase.OPEN
            self._unproven = False

    def _measure(self, answered: int, now: float) -> None:
        if self._sample and self._sample[0] not in self._codec.answers.waiting:
            self._round_trip = now - self._sample[1]
            self._sample = None
        few = 0 < answered < self.in_flight / 8
        self._gathers = few and self._round_trip >= GATHER_ROUND_TRIP_SECONDS

    def _check(self, now: float) -> None:
        self._pings = self._codec.pings_answered + 1
        self._channel.write(PING)
        self.phase = Phase.CHECKING
        self._expires_at = now + self._patience.ping

    def _close(self, why: str) -> None:
        if self.phase is Phase.CLOSED:
            return
        unasked = self._kept and self._chunk is None
        self.useless = not unasked and not self._codec.answers.answered
        if self._unproven:
            why = _UNPROVEN.get(why, why)
        self.phase = Phase.CLOSED
        self.failure = why
        if self._chunk and self._channel.taken <= self._chunk[0]:
            self._codec.answers.not_sent(self._chunk[1], why)
        self._codec.answers.end_all(why)
        self._channel.close()

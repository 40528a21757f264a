"""One notification to many devices of a provider, one verdict each: alike for all platforms."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from ssl import SSLContext
from typing import ClassVar, NamedTuple, TypedDict

from push_pipeline import telemetry
from push_pipeline.credentials import Credential
from push_pipeline.outcome import Outcome, RouteAction, Verdict
from push_pipeline.trust import shared_trust
from push_workers.senders.answers import count_answers
from push_workers.senders.base import Ids, OnPause, Rendered, Target, Targets
from push_workers.senders.http2 import Column, Ended, Ending, HeadersOf, Replies, StopsAt, Transport
from push_workers.senders.verdicts import Verdicts

_MALFORMED = Verdict(Outcome.MISROUTED, "MalformedToken")
_EXPIRED = Verdict(Outcome.EXPIRED, "Expired")


class SenderOptions(TypedDict, total=False):
    """What any sender may be told; see `ProviderSender`."""

    ca_file: str | None
    timeout: float
    connections: int


class Parcel(NamedTuple):
    """One notification, and the devices that it goes to in one pass."""

    rendered: Rendered
    targets: Targets
    ids: Sequence[str]
    bodies: Sequence[bytes] | None

    def only(self, chosen: Sequence[int]) -> "Parcel":
        """Return the parcel for the devices at the chosen positions."""
        if len(chosen) == len(self.targets):
            return self
        return Parcel(
            self.rendered,
            self.targets.only(chosen),
            [self.ids[n] for n in chosen],
            None if self.bodies is None else [self.bodies[n] for n in chosen],
        )


def encoded(texts: Sequence[str]) -> list[bytes]:
    """Encode what may stand in a path or a header, all at once: it has no line breaks."""
    return "\n".join(texts).encode().split(b"\n") if texts else []


def _column(ids: Sequence[str]) -> Column:
    """Return ids as the transport takes them: those of one run begin alike."""
    return Column(*ids.parts) if isinstance(ids, Ids) else Column(b"", encoded(ids))


class ProviderSender(ABC):
    """One credential's connections to a provider; see `push_workers.senders.base.Sender`.

    A platform says which tokens it can address, and gives paths, headers, bodies and the judge
    of what came back. Each is asked once per pass, for all devices: a call for each of them
    would be felt. What was refused for a cause that a renewal cures goes once more, within the
    same call.

    Args:
        credential: what the provider is shown.
        address: host and port to connect to.
        ca_file: further authorities to trust.
        timeout: seconds that one pass may take. The second begins in its first half or not at
            all, so that a call stays well within twice this time.
        connections: how many to spread a batch over.
    """

    #: The provider's name, as routes and queues have it.
    provider: ClassVar[str]

    #: Its words for why it refuses something.
    reasons: ClassVar[frozenset[str]]

    #: Reasons of verdicts that `_renew` may cure. No such request was processed.
    cured_by_renewal: ClassVar[frozenset[str]]

    #: Streams on a connection at most; the provider's limit if lower.
    stream_cap: ClassVar[int] = 1000

    #: The header that carries a notification's id, where the provider takes one.
    request_id_header: ClassVar[bytes | None] = None

    def __init__(
        self,
        credential: Credential,
        address: tuple[str, int],
        *,
        tls: SSLContext | None = None,
        ca_file: str | None = None,
        timeout: float = 30.0,
        connections: int = 2,
    ) -> None:
        self._shown = repr(credential)
        self._address = address
        self._tls = tls or shared_trust("h2", ca_file)
        self._timeout = timeout
        self._connections = connections
        self._transport = self._connect()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown})"

    def send(
        self,
        rendered: Rendered,
        targets: Sequence[Target],
        ids: Sequence[str],
        bodies: Sequence[bytes] | None = None,
        on_pause: OnPause | None = None,
    ) -> Verdicts:
        """Send one notification to many devices and return one verdict each."""
        if rendered.is_over(time.time()):
            return Verdicts.alike(len(targets), _EXPIRED)
        began = time.monotonic()
        parcel = Parcel(rendered, Targets.of(targets), ids, bodies)
        sound = self._addressable(parcel.targets.tokens)
        stops_at = partial(self._stops_at, on_pause)
        verdicts = self._pass(parcel, sound, stops_at)
        others = verdicts.others
        if any(one.route is RouteAction.PAUSE for one in others.values()):
            return verdicts
        curable = [n for n, one in others.items() if one.reason in self.cured_by_renewal]
        if curable and time.monotonic() - began < self._timeout / 2:
            self._renew()
            verdicts = verdicts.put(curable, self._post(parcel.only(curable), stops_at))
        return verdicts

    def try_out(self) -> str | None:
        """Connect, and sign in where that is a call of its own; return why not. Pushes nothing."""
        (ending,) = self._transport.send_many([b"/"], b"", headers=lambda _: [])
        return None if ending.kind is Ended.ANSWER else ending.detail

    def close(self) -> None:
        """Say GOAWAY and close every connection. A second call does nothing."""
        self._transport.close()

    def _stops_at(self, on_pause: OnPause | None, ending: Ending) -> bool:
        """Tell whether an answer asks everybody to wait, and pass the news on."""
        verdict = self._verdict(ending)
        if verdict.route is not RouteAction.PAUSE:
            return False
        if on_pause is not None:
            on_pause(verdict)
        return True

    def _pass(self, parcel: Parcel, sound: Sequence[int], stops_at: StopsAt) -> Verdicts:
        """Send to those whose token can be addressed."""
        if len(sound) == len(parcel.targets):  # nearly always
            return self._post(parcel, stops_at) if sound else Verdicts(0)
        verdicts = Verdicts.alike(len(parcel.targets), _MALFORMED)
        return verdicts.put(sound, self._post(parcel.only(sound), stops_at)) if sound else verdicts

    def _post(self, parcel: Parcel, stops_at: StopsAt) -> Verdicts:
        headers = self._headers(parcel.rendered)
        if isinstance(headers, Verdict):
            return Verdicts.alike(len(parcel.targets), headers)
        before, began = self._transport.stats, time.monotonic()
        replies = self._transport.send_batch(
            self._paths(parcel.targets.tokens),
            self._bodies(parcel),
            headers=headers,
            request_ids=_column(parcel.ids) if self.request_id_header else None,
            stops_at=stops_at,
        )
        seconds = time.monotonic() - began
        verdicts = self._judge(replies, parcel.ids)
        now = self._transport.stats
        others = [(ending.status, verdicts[n]) for n, ending in replies.others.items()]
        telemetry.provider_answered(
            self.provider,
            count_answers(len(replies.bodies), others, self.reasons),
            seconds,
            connects=max(0, now.connects - before.connects),  # a child begins at zero
            goaways=max(0, now.goaways - before.goaways),
        )
        return verdicts

    def _connect(self) -> Transport:
        host, port = self._address
        return Transport(
            host,
            port,
            tls=self._tls,
            connections=self._connections,
            timeout=self._timeout,
            stream_cap=self.stream_cap,
            request_id_header=self.request_id_header,
            takes=self._takes,
        )

    def _takes(self, _address: str) -> bool:
        """Tell whether an address of the provider may be connected to."""
        return True

    @abstractmethod
    def _addressable(self, tokens: Sequence[str]) -> Sequence[int]:
        """Return the positions of tokens that a request can carry."""

    @abstractmethod
    def _headers(self, rendered: Rendered) -> HeadersOf | Verdict:
        """Return the headers of all requests, by connection; or why none of them can be sent."""

    @abstractmethod
    def _paths(self, tokens: Sequence[str]) -> Column | Sequence[bytes]:
        """Return the path of each request."""

    @abstractmethod
    def _bodies(self, parcel: Parcel) -> Sequence[bytes] | bytes:
        """Return the body of each request, or the one of all."""

    @abstractmethod
    def _judge(self, replies: Replies, ids: Sequence[str]) -> Verdicts:
        """Return the verdicts on a batch."""

    @abstractmethod
    def _verdict(self, ending: Ending) -> Verdict:
        """Return the verdict on a request that was not answered with 200."""

    @abstractmethod
    def _renew(self) -> None:
        """Do what cures the reasons in `cured_by_renewal`, before the second pass."""

"""Sends to browsers: each at its own push service, each message encrypted for it alone."""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Unpack

from push_pipeline.credentials import WebPushCredential
from push_pipeline.outcome import Outcome, Verdict
from push_pipeline.platform import KNOWN_HOSTS, Vendor
from push_pipeline.web_push import Origin, Subscription, is_public
from push_workers.senders.answers import unanswered
from push_workers.senders.base import OnPause, Rendered, Target
from push_workers.senders.http2 import Ended, Ending, HeadersOf, Replies
from push_workers.senders.provider_sender import Parcel, ProviderSender, SenderOptions
from push_workers.senders.verdicts import Verdicts
from push_workers.senders.webpush.encryption import PLAIN_BYTES, encrypt
from push_workers.senders.webpush.responses import REASONS, classify, of_believed
from push_workers.senders.webpush.token import VapidTokens

_MALFORMED = Verdict(Outcome.MISROUTED, "MalformedToken")
_EXPIRED = Verdict(Outcome.EXPIRED, "Expired")
_TOO_LARGE = Verdict(Outcome.REJECTED, "PayloadTooLarge")

#: The operator allowed it once, and does no longer: no fault of the device.
_NOT_ALLOWED = Verdict(Outcome.REJECTED, "PushServiceNotAllowed")

#: Push services that connections are kept to. Those of the browsers are five, and some of
#: Microsoft's; where the operator allows any host a stranger could name a thousand.
MOST_ORIGINS = 32

#: Requests in flight on a connection: what Google's front ends allow. It bounds as well what a
#: service that sends endless answers can make us hold.
_STREAMS = 100

#: Push services that are sent to at once.
_AT_ONCE = 8


class _Letter(NamedTuple):
    """A message that is encrypted, and the position of its device in the call."""

    position: int
    target: Target
    body: bytes


class WebPushSender:
    """One key pair's way to all push services; see `push_workers.senders.base.Sender`.

    Each push service has connections of its own, and one that is slow delays no other. Nobody is
    connected to whom the operator does not allow, nor at an address that is not public.
    """

    def __init__(
        self,
        credential: WebPushCredential,
        *,
        hosts: Sequence[str] = KNOWN_HOSTS,
        **options: Unpack[SenderOptions],
    ) -> None:
        self._credential = credential
        self._hosts = tuple(hosts)
        self._options = options
        self._services: OrderedDict[Origin, PushService] = OrderedDict()

    def __repr__(self) -> str:
        return f"WebPushSender({self._credential!r})"

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
        letters: dict[Origin, list[_Letter]] = defaultdict(list)
        unsent: dict[int, Verdict] = {}
        for n, target in enumerate(targets):
            sealed = self._seal(target, rendered.body if bodies is None else bodies[n])
            if isinstance(sealed, Verdict):
                unsent[n] = sealed
            else:
                origin, body = sealed
                letters[origin].append(_Letter(n, target, body))
        self._make_room(letters)
        # Whom no push service gave a verdict on would else count as accepted.
        unjudged = dict.fromkeys(range(len(targets)), _EXPIRED)
        verdicts = Verdicts(len(targets), {**unjudged, **unsent})
        for origin, judged in self._deliver(rendered, letters, ids, on_pause).items():
            verdicts = verdicts.put([letter.position for letter in letters[origin]], judged)
        return verdicts

    def try_out(self) -> str | None:
        """Connect to each push service that is allowed by its name; return who cannot be."""
        for host in self._hosts:
            if "*" in host or ":" in host:
                continue
            problem = self._service(Origin(host)).try_out()
            if problem is not None:
                return f"{host}: {problem}"
        return None

    def close(self) -> None:
        """Say GOAWAY and close every connection. A second call does nothing."""
        while self._services:
            self._services.popitem()[1].close()

    def _seal(self, target: Target, plain: bytes) -> tuple[Origin, bytes] | Verdict:
        """Encrypt for a device; or say why it gets nothing."""
        if len(plain) > PLAIN_BYTES:
            return _TOO_LARGE
        try:
            browser = Subscription.from_token(target.token)
            origin = browser.origin
            if not origin.is_allowed(self._hosts):
                return _NOT_ALLOWED
            return origin, encrypt(plain, browser.p256dh, browser.auth)
        except ValueError:
            return _MALFORMED

    def _deliver(
        self,
        rendered: Rendered,
        letters: dict[Origin, list[_Letter]],
        ids: Sequence[str],
        on_pause: OnPause | None,
    ) -> dict[Origin, Verdicts]:
        """Send to each push service what is for it; to several at the same time.

        Who asks to wait is told of at once where there is only one; else by the verdicts.
        """
        if not letters:
            return {}
        services = {origin: self._service(origin) for origin in letters}

        def send(origin: Origin, told: OnPause | None = None) -> Verdicts:
            mine = letters[origin]
            return services[origin].send(
                rendered,
                [letter.target for letter in mine],
                [ids[letter.position] for letter in mine],
                [letter.body for letter in mine],
                told,
            )

        if len(letters) == 1:
            return {origin: send(origin, on_pause) for origin in letters}
        with ThreadPoolExecutor(min(_AT_ONCE, len(letters))) as threads:
            return dict(zip(letters, threads.map(send, letters), strict=True))

    def _service(self, origin: Origin) -> "PushService":
        """Return the connections to a push service."""
        service = self._services.pop(origin, None)
        if service is None:
            trusted = origin.is_trusted(self._hosts)
            service = PushService(self._credential, origin, trusted=trusted, **self._options)
        self._services[origin] = service
        return service

    def _make_room(self, coming: Collection[Origin]) -> None:
        """Close the connections that were not used for longest."""
        while len(self._services.keys() | coming) > max(MOST_ORIGINS, len(coming)):
            oldest = next(origin for origin in self._services if origin not in coming)
            self._services.pop(oldest).close()


class PushService(ProviderSender):
    """Connections to one push service. Bodies come encrypted.

    One that is `trusted`, since the operator named its port, may be at a private address.
    """

    provider = "webpush"
    reasons = REASONS | {"MalformedToken", "PushServiceNotAllowed"}
    cured_by_renewal = frozenset()
    stream_cap = _STREAMS

    def __init__(
        self,
        credential: WebPushCredential,
        origin: Origin,
        *,
        trusted: bool = False,
        **options: Unpack[SenderOptions],
    ) -> None:
        super().__init__(credential, origin, **options)
        self._origin = origin
        self._trusted = trusted
        self._tokens = VapidTokens(credential)
        self._signature = b""  # what requests are signed with now
        self._believed: bytes | None = None  # the signature that something was taken with

    def _takes(self, address: str) -> bool:
        return self._trusted or is_public(address)

    def _addressable(self, tokens: Sequence[str]) -> Sequence[int]:
        return range(len(tokens))

    def _headers(self, rendered: Rendered) -> HeadersOf:
        told = dict(rendered.headers)
        if self._origin.vendor is Vendor.MICROSOFT:  # it refuses a TTL that says otherwise
            now = rendered.headers.get("ttl") == "0"
            told["x-wns-cache-policy"] = "no-cache" if now else "cache"
        self._signature = self._tokens.authorization(self._origin)
        headers = [(b"authorization", self._signature)]
        headers += [(name.encode(), value.encode()) for name, value in told.items()]
        return lambda _connection: headers

    def _paths(self, tokens: Sequence[str]) -> list[bytes]:
        return [Subscription.from_token(token).path.encode() for token in tokens]

    def _bodies(self, parcel: Parcel) -> Sequence[bytes]:
        return parcel.bodies or ()

    def _judge(self, replies: Replies, _ids: Sequence[str]) -> Verdicts:
        found = {n: self._verdict(ending) for n, ending in replies.others.items()}
        others = {n: one for n, one in found.items() if one.outcome is not Outcome.ACCEPTED}
        verdicts = Verdicts(len(replies), others)
        if verdicts.accepted:
            self._believed = self._signature
        if self._believed == self._signature:
            return verdicts.judged_anew(of_believed)
        return verdicts

    def _verdict(self, ending: Ending) -> Verdict:
        if ending.kind is Ended.ANSWER:
            return classify(ending.status, ending.body, ending.header, time.time())
        return unanswered(ending.detail, written=ending.kind is Ended.UNKNOWN)

    def _renew(self) -> None:
        """Nothing is cured by it."""

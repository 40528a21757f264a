"""Sends to APNs: one path per device, one body for all or for each, over a few connections."""

import re
import time
from collections.abc import Sequence

from push_pipeline.credentials import ApnsCredential
from push_pipeline.outcome import Outcome, Verdict
from push_pipeline.platform import Platform
from push_workers.senders.apns.responses import CURED_BY_RECONNECTING, classify, classify_ending
from push_workers.senders.apns.token import ProviderTokens
from push_workers.senders.base import Rendered, Target
from push_workers.senders.http2 import Ended, Ending, Transport
from push_workers.senders.tls import show, trust

_PATH = "/3/device/"

#: What may stand in a path unescaped (RFC 3986, 2.3). Apple gives tokens no fixed length; the
#: bound (ten times the usual) keeps one bad row from breaking the header limit of a connection
#: that others share.
_ADDRESSABLE = re.compile(r"[A-Za-z0-9._~-]{1,640}")
_ADDRESSABLES = re.compile(r"[A-Za-z0-9._~-]{1,640}(?:/[A-Za-z0-9._~-]{1,640})*")

_MALFORMED = Verdict(Outcome.MISROUTED, "MalformedToken")
_EXPIRED = Verdict(Outcome.EXPIRED, "Expired")


class ApnsSender:
    """One credential's connections to APNs; see `push_workers.senders.base.Sender`.

    A request that APNs refused for the connection's sake (its token had expired, the server
    was leaving) goes once more over fresh connections, within the same call.

    Args:
        credential: the key or certificate, its topic and address.
        ca_file: further authorities to trust.
        timeout: seconds that one pass may take. The second begins in its first half or not at
            all, so that a call stays well within twice this time.
        connections: how many to spread a batch over.
    """

    def __init__(
        self,
        credential: ApnsCredential,
        *,
        ca_file: str | None = None,
        timeout: float = 30.0,
        connections: int = 2,
    ) -> None:
        self._credential = credential
        self._tokens = ProviderTokens(credential) if credential.key_pem else None
        self._tls = trust(ca_file)
        if credential.certificate_pem:
            show(self._tls, credential.certificate_pem)
        self._timeout = timeout
        self._connections = connections
        self._transport = self._connect()

    def __repr__(self) -> str:
        return f"ApnsSender({self._credential!r})"

    def send(
        self,
        rendered: Rendered,
        targets: Sequence[Target],
        ids: Sequence[str],
        bodies: Sequence[bytes] | None = None,
    ) -> list[Verdict]:
        """Send one notification to many devices and return one verdict each."""
        if rendered.is_over(time.time()):
            return [_EXPIRED] * len(targets)
        began = time.monotonic()
        verdicts = [_MALFORMED] * len(targets)
        sound = _addressable([target.token for target in targets])
        self._pass(rendered, targets, ids, bodies, sound, verdicts)
        curable = [n for n in sound if verdicts[n].reason in CURED_BY_RECONNECTING]
        if curable and time.monotonic() - began < self._timeout / 2:
            self._reconnect()
            self._pass(rendered, targets, ids, bodies, curable, verdicts)
        return verdicts

    def close(self) -> None:
        """Say GOAWAY and close every connection. A second call does nothing."""
        self._transport.close()

    def _pass(
        self,
        rendered: Rendered,
        targets: Sequence[Target],
        ids: Sequence[str],
        bodies: Sequence[bytes] | None,
        chosen: Sequence[int],
        verdicts: list[Verdict],
    ) -> None:
        """Send to the chosen positions and put their verdicts in."""
        shared = self._shared_headers(rendered)
        endings = self._transport.send_many(
            [(_PATH + targets[n].token).encode() for n in chosen],
            rendered.body if bodies is None else [bodies[n] for n in chosen],
            headers=lambda connection: [*self._authorization(connection), *shared],
            request_ids=[ids[n].encode() for n in chosen],
        )
        answered = Ended.ANSWER
        for n, ending in zip(chosen, endings, strict=True):
            if ending.kind is answered and ending.status == 200:  # noqa: PLR2004 - nearly all
                verdicts[n] = Verdict(Outcome.ACCEPTED, None, ids[n])
            else:
                verdicts[n] = _judge(ending, ids[n])

    def _shared_headers(self, rendered: Rendered) -> list[tuple[bytes, bytes]]:
        mac_topic = self._credential.mac_topic if rendered.platform is Platform.OSX else None
        headers = {"apns-topic": mac_topic or self._credential.topic, **rendered.headers}
        return [(name.encode(), value.encode()) for name, value in headers.items()]

    def _authorization(self, connection_id: int) -> list[tuple[bytes, bytes]]:
        if self._tokens is None:
            return []
        return [(b"authorization", b"bearer " + self._tokens.token_for(connection_id))]

    def _reconnect(self) -> None:
        self._transport.close()
        self._transport = self._connect()

    def _connect(self) -> Transport:
        host, port = self._credential.address
        return Transport(
            host,
            port,
            tls=self._tls,
            connections=self._connections,
            timeout=self._timeout,
            request_id_header=b"apns-id",
        )


def _addressable(tokens: list[str]) -> Sequence[int]:
    """Return the positions of tokens that can stand in a path."""
    # One look at all of them: a batch has no other kind, as registrations are checked.
    if _ADDRESSABLES.fullmatch("/".join(tokens)):
        return range(len(tokens))
    return [n for n, token in enumerate(tokens) if _ADDRESSABLE.fullmatch(token)]


def _judge(ending: Ending, notification_id: str) -> Verdict:
    if ending.kind is Ended.ANSWER:
        verdict = classify(ending.status, ending.body, ending.header, time.time())
        return verdict._replace(provider_id=notification_id)
    return classify_ending(ending.detail, written=ending.kind is Ended.UNKNOWN)

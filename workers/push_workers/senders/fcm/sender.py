"""Sends to FCM: one path for all, one body per device, over a few HTTP/2 connections."""

import time
from collections.abc import Sequence
from itertools import repeat

import orjson

from push_pipeline.credentials import FcmCredential
from push_pipeline.outcome import Outcome, Verdict
from push_workers.senders.answers import unanswered
from push_workers.senders.base import Rendered, Target
from push_workers.senders.fcm.responses import CURED_BY_SIGNING_IN, classify
from push_workers.senders.fcm.token import AccessTokens
from push_workers.senders.http2 import Ended, Ending, Transport
from push_workers.senders.tls import trust

#: Google's front ends allow this many streams on a connection and answer more with GOAWAY.
_STREAMS = 100

#: A registration token has some 160 characters of ASCII, without a promise of Google; one of
#: more than this, in characters, is none.
_LONGEST_TOKEN = 4096

_MALFORMED = Verdict(Outcome.MISROUTED, "MalformedToken")
_EXPIRED = Verdict(Outcome.EXPIRED, "Expired")


class FcmSender:
    """One service account's connections to FCM; see `push_workers.senders.base.Sender`.

    Requests that FCM refused for the access token's sake go once more with a new one, within
    the same call.

    Args:
        credential: the service account and, for tests, another address.
        ca_file: further authorities to trust, for FCM and for the token endpoint.
        timeout: seconds that one pass may take. The second begins in its first half or not at
            all, so that a call stays well within twice this time.
        connections: how many to spread a batch over.
    """

    def __init__(
        self,
        credential: FcmCredential,
        *,
        ca_file: str | None = None,
        timeout: float = 30.0,
        connections: int = 2,
    ) -> None:
        self._credential = credential
        self._timeout = timeout
        self._tokens = AccessTokens(credential, ca_file=ca_file)
        self._path = f"/v1/projects/{credential.project_id}/messages:send".encode()
        host, port = credential.address
        self._transport = Transport(
            host,
            port,
            tls=trust(ca_file),
            connections=connections,
            timeout=timeout,
            stream_cap=_STREAMS,
        )

    def __repr__(self) -> str:
        return f"FcmSender({self._credential!r})"

    def send(
        self,
        rendered: Rendered,
        targets: Sequence[Target],
        ids: Sequence[str],  # noqa: ARG002 — FCM gives each message its name, and takes none
        bodies: Sequence[bytes] | None = None,
    ) -> list[Verdict]:
        """Send one notification to many devices and return one verdict each."""
        if rendered.is_over(time.time()):
            return [_EXPIRED] * len(targets)
        began = time.monotonic()
        verdicts = [_MALFORMED] * len(targets)
        sound = [n for n, target in enumerate(targets) if _is_addressable(target.token)]
        if sound:
            self._pass(rendered, targets, bodies, sound, verdicts)
        curable = [n for n in sound if verdicts[n].reason in CURED_BY_SIGNING_IN]
        if curable and time.monotonic() - began < self._timeout / 2:
            self._pass(rendered, targets, bodies, curable, verdicts)
        return verdicts

    def close(self) -> None:
        """Say GOAWAY and close every connection. A second call does nothing."""
        self._transport.close()
        self._tokens.close()

    def _pass(
        self,
        rendered: Rendered,
        targets: Sequence[Target],
        bodies: Sequence[bytes] | None,
        chosen: Sequence[int],
        verdicts: list[Verdict],
    ) -> None:
        """Send to the chosen positions and put their verdicts in."""
        bearer = self._tokens.bearer()
        if isinstance(bearer, Verdict):
            judged = [bearer] * len(chosen)
        else:
            own = None if bodies is None else [bodies[n] for n in chosen]
            addressed = _address(rendered, [targets[n] for n in chosen], own)
            judged = self._post(rendered, addressed, bearer)
        for n, verdict in zip(chosen, judged, strict=True):
            verdicts[n] = verdict

    def _post(self, rendered: Rendered, bodies: Sequence[bytes], bearer: bytes) -> list[Verdict]:
        headers = [(b"authorization", b"Bearer " + bearer)]
        headers += [(name.encode(), value.encode()) for name, value in rendered.headers.items()]
        endings = self._transport.send_many(
            [self._path] * len(bodies), bodies, headers=lambda _: headers
        )
        verdicts = [_judge(ending) for ending in endings]
        if any(verdict.reason in CURED_BY_SIGNING_IN for verdict in verdicts):
            self._tokens.refuse(bearer)
        return verdicts


def _is_addressable(token: str) -> bool:
    return token.isascii() and 0 < len(token) <= _LONGEST_TOKEN


def _address(
    rendered: Rendered, targets: Sequence[Target], bodies: Sequence[bytes] | None
) -> list[bytes]:
    """Put each target into the message, as the field that its kind of registration has."""
    at = rendered.target_at
    head = rendered.body[:at]
    token, fid = head + b'"token":', head + b'"fid":'
    tails = repeat(b"," + rendered.body[at:]) if bodies is None else (b"," + b[at:] for b in bodies)
    return [
        b"".join((fid if target.kind == "fid" else token, orjson.dumps(target.token), tail))
        for target, tail in zip(targets, tails, strict=False)  # the one tail of all has no end
    ]


def _judge(ending: Ending) -> Verdict:
    if ending.kind is Ended.ANSWER:
        return classify(ending.status, ending.body, ending.header, time.time())
    return unanswered(ending.detail, written=ending.kind is Ended.UNKNOWN)

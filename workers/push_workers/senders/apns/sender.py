"""Sends to APNs: one path per device, one body for all or for each."""

import re
import string
import time
from collections.abc import Mapping, Sequence
from typing import Unpack

from push_pipeline.credentials import ApnsCredential
from push_pipeline.outcome import Outcome, Verdict
from push_pipeline.platform import Platform
from push_pipeline.push_type import LIVE_ACTIVITY, PUSH_TYPES, suffix_of
from push_pipeline.trust import trust
from push_workers.senders.apns.responses import (
    CURED_BY_RECONNECTING,
    REASONS,
    classify,
    classify_ending,
)
from push_workers.senders.apns.token import ProviderTokens
from push_workers.senders.base import Rendered
from push_workers.senders.http2 import Column, Ended, Ending, HeadersOf, Replies, StopsAt
from push_workers.senders.provider_sender import Parcel, ProviderSender, SenderOptions, encoded
from push_workers.senders.tls import showing
from push_workers.senders.verdicts import Verdicts

_PATH = b"/3/device/"
_BROADCASTS = "/4/broadcasts/apps/"

#: What may stand in a path unescaped (RFC 3986, 2.3). Apple gives tokens no fixed length; the
#: bound (ten times the usual) keeps one bad row from breaking the header limit of a connection
#: that others share.
_LONGEST_TOKEN = 640
_UNESCAPED = (string.ascii_letters + string.digits + "._~-").encode()
_ADDRESSABLE = re.compile(rf"[{_UNESCAPED.decode()}]{{1,{_LONGEST_TOKEN}}}")

#: Push types that a certificate cannot send.
_BY_KEY_ALONE = {LIVE_ACTIVITY, *(one.name for one in PUSH_TYPES.values() if one.by_key_alone)}

#: Said of a topic with a push type's suffix, these hold nobody else: the app may not have it.
_ABOUT_TOPIC = frozenset(("BadTopic", "TopicDisallowed"))


#: Words about the app's broadcast channels that no later attempt changes.
_ABOUT_CHANNELS = frozenset(
    (
        *("FeatureNotEnabled", "ChannelNotRegistered", "BadChannelId", "MissingChannelId"),
        *("TopicMismatch", "TopicDisallowed", "BadRequestPayload"),
    )
)


class ApnsSender(ProviderSender):
    """One key's or certificate's connections to APNs.

    A request that APNs refused for the connection's sake (its token had expired, the server
    was leaving) goes once more over fresh connections.
    """

    provider = "apns"
    reasons = REASONS
    cured_by_renewal = CURED_BY_RECONNECTING
    request_id_header = b"apns-id"

    def __init__(self, credential: ApnsCredential, **options: Unpack[SenderOptions]) -> None:
        shown = credential.certificate_pem
        tls = showing(trust(options.get("ca_file")), shown) if shown else None
        super().__init__(credential, credential.address, tls=tls, **options)
        self._credential = credential
        self._tokens = ProviderTokens(credential) if credential.key_pem else None

    def _addressable(self, tokens: Sequence[str]) -> Sequence[int]:
        # One look at all of them: a batch has no other kind, as registrations are checked.
        together, lengths = "".join(tokens), {*map(len, tokens)}
        if (
            together.isascii()
            and not together.encode().translate(None, _UNESCAPED)
            and 0 < min(lengths, default=1) <= max(lengths, default=1) <= _LONGEST_TOKEN
        ):
            return range(len(tokens))
        return [n for n, token in enumerate(tokens) if _ADDRESSABLE.fullmatch(token)]

    def _headers(self, rendered: Rendered) -> HeadersOf | Verdict:
        push_type = rendered.headers.get("apns-push-type")
        if self._tokens is None and push_type in _BY_KEY_ALONE:
            return Verdict(Outcome.REJECTED, "TopicDisallowed")
        mac_topic = self._credential.mac_topic if rendered.platform is Platform.OSX else None
        topic = (mac_topic or self._credential.topic) + suffix_of(push_type)
        headers = {"apns-topic": topic, **rendered.headers}
        shared = [(name.encode(), value.encode()) for name, value in headers.items()]
        return lambda connection: [*self._authorization(connection), *shared]

    def _authorization(self, connection_id: int) -> list[tuple[bytes, bytes]]:
        if self._tokens is None:
            return []
        return [(b"authorization", b"bearer " + self._tokens.token_for(connection_id))]

    def _paths(self, tokens: Sequence[str]) -> Column:
        return Column(_PATH, encoded(tokens))

    def _bodies(self, parcel: Parcel) -> Sequence[bytes] | bytes:
        return parcel.rendered.body if parcel.bodies is None else parcel.bodies

    def _judge(self, replies: Replies, ids: Sequence[str]) -> Verdicts:
        others = {n: _judge(ending, ids[n]) for n, ending in replies.others.items()}
        return Verdicts(len(replies), others, ids)

    def _verdict(self, ending: Ending) -> Verdict:
        return _judge(ending, "")

    def _post(self, parcel: Parcel, stops_at: StopsAt) -> Verdicts:
        verdicts = super()._post(parcel, stops_at)
        if not suffix_of(parcel.rendered.headers.get("apns-push-type")):
            return verdicts
        return verdicts.judged_anew(_of_topic)

    def broadcast(self, headers: Mapping[str, str], body: bytes) -> Verdict:
        """Send one request to a broadcast channel; `headers` name it. Its audience is unknown."""
        shared = [(name.encode(), value.encode()) for name, value in headers.items()]
        path = f"{_BROADCASTS}{self._credential.topic}".encode()
        (ending,) = self._transport.send_many(
            [path], body, headers=lambda connection: [*self._authorization(connection), *shared]
        )
        return _judge_broadcast(ending)

    def _renew(self) -> None:
        self._transport.close()
        self._transport = self._connect()


def _judge_broadcast(ending: Ending) -> Verdict:
    """Judge an answer about a channel: what speaks of the app's channels holds no other route."""
    unique = ending.header("apns-unique-id") if ending.kind is Ended.ANSWER else None
    verdict = _judge(ending, "")._replace(provider_id=unique)
    if verdict.reason in _ABOUT_CHANNELS:
        return Verdict(Outcome.REJECTED, verdict.reason)
    return verdict


def _of_topic(verdict: Verdict) -> Verdict:
    """Judge anew what is said of a topic with a push type's suffix."""
    if verdict.reason not in _ABOUT_TOPIC:
        return verdict
    return Verdict(Outcome.REJECTED, verdict.reason, verdict.provider_id)


def _judge(ending: Ending, notification_id: str) -> Verdict:
    if ending.kind is Ended.ANSWER:
        verdict = classify(ending.status, ending.body, ending.header, time.time())
        return verdict._replace(provider_id=notification_id)
    return classify_ending(ending.detail, written=ending.kind is Ended.UNKNOWN)

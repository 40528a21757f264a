"""Sends to FCM: one path for all, one body per device."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle, repeat
from typing import Unpack

import orjson

from push_pipeline.credentials import FcmCredential
from push_pipeline.outcome import Verdict
from push_workers.senders.answers import unanswered
from push_workers.senders.base import Rendered, Target, Targets
from push_workers.senders.fcm.responses import (
    CURED_BY_SIGNING_IN,
    NAMELESS,
    REASONS,
    are_all_named,
    classify,
    name_of,
)
from push_workers.senders.fcm.token import AccessTokens
from push_workers.senders.http2 import Ended, Ending, HeadersOf, Replies
from push_workers.senders.provider_sender import Parcel, ProviderSender, SenderOptions
from push_workers.senders.verdicts import Made, Verdicts

#: Google's front ends allow this many streams on a connection and answer more with GOAWAY.
_STREAMS = 100

#: A registration token has some 160 characters of ASCII, without a promise of Google; one of
#: more than this, in characters, is none.
_LONGEST_TOKEN = 4096


class FcmSender(ProviderSender):
    """One service account's connections to FCM.

    Requests that FCM refused for the access token's sake go once more with a new one.
    """

    provider = "fcm"
    reasons = REASONS
    cured_by_renewal = CURED_BY_SIGNING_IN
    stream_cap = _STREAMS

    def __init__(self, credential: FcmCredential, **options: Unpack[SenderOptions]) -> None:
        super().__init__(credential, credential.address, **options)
        self._path = f"/v1/projects/{credential.project_id}/messages:send".encode()
        self._tokens = AccessTokens(credential, ca_file=options.get("ca_file"))
        self._forget_shown: Callable[[], None] = lambda: None

    def try_out(self) -> str | None:
        """Sign in to Google as well."""
        bearer = self._tokens.bearer()
        return bearer.reason if isinstance(bearer, Verdict) else super().try_out()

    def close(self) -> None:
        """Close the connection to the token endpoint, too."""
        super().close()
        self._tokens.close()

    def _addressable(self, tokens: Sequence[str]) -> Sequence[int]:
        lengths = {*map(len, tokens)}
        fit = 0 < min(lengths, default=1) <= max(lengths, default=1) <= _LONGEST_TOKEN
        if fit and "".join(tokens).isascii():
            return range(len(tokens))
        return [
            n
            for n, token in enumerate(tokens)
            if token.isascii() and 0 < len(token) <= _LONGEST_TOKEN
        ]

    def _headers(self, rendered: Rendered) -> HeadersOf | Verdict:
        bearer = self._tokens.bearer()
        if isinstance(bearer, Verdict):
            return bearer
        # A closure, so that the token is in nobody's repr.
        self._forget_shown = lambda: self._tokens.refuse(bearer)
        headers = [(b"authorization", b"Bearer " + bearer)]
        headers += [(name.encode(), value.encode()) for name, value in rendered.headers.items()]
        return lambda _connection: headers

    def _paths(self, tokens: Sequence[str]) -> list[bytes]:
        return [self._path] * len(tokens)

    def _bodies(self, parcel: Parcel) -> list[bytes]:
        return _address(parcel.rendered, parcel.targets, parcel.bodies)

    def _judge(self, replies: Replies, _ids: Sequence[str]) -> Verdicts:
        verdicts = _judge(replies, {n: self._verdict(one) for n, one in replies.others.items()})
        # Also after the second pass: nobody else is to show the token again.
        if any(one.reason in CURED_BY_SIGNING_IN for one in verdicts.others.values()):
            self._forget_shown()
        return verdicts

    def _verdict(self, ending: Ending) -> Verdict:
        if ending.kind is Ended.ANSWER:
            return classify(ending.status, ending.body, ending.header, time.time())
        return unanswered(ending.detail, written=ending.kind is Ended.UNKNOWN)

    def _renew(self) -> None:
        """Nothing is left to do: the token was forgotten, so the next pass signs in."""


def _address(rendered: Rendered, targets: Targets, bodies: Sequence[bytes] | None) -> list[bytes]:
    """Put each target into the message, as the field that its kind of registration has."""
    if rendered.live_token_at is not None:
        each = repeat(rendered.body) if bodies is None else bodies
        places = rendered.target_at or 0, rendered.live_token_at
        return [_address_activity(*one, places) for one in zip(targets, each, strict=False)]
    at = rendered.target_at
    head = rendered.body[:at]
    token, fid = head + b'"token":', head + b'"fid":'
    kinds = [targets.kind] if targets.kind else targets.kinds
    if bodies is None and {*kinds} == {"token"}:  # nearly always
        return _splice(token, targets.tokens, b"," + rendered.body[at:])
    tails = repeat(b"," + rendered.body[at:]) if bodies is None else (b"," + b[at:] for b in bodies)
    heads = cycle([fid if kind == "fid" else token for kind in kinds])
    return [
        b"".join((head, orjson.dumps(one), tail))
        for one, head, tail in zip(targets.tokens, heads, tails, strict=False)  # these have no end
    ]


def _splice(head: bytes, tokens: Sequence[str], tail: bytes) -> list[bytes]:
    """Put each token between what all have; whether one needs an escape is seen of all at once."""
    together = "".join(tokens)
    quotes = b'""'
    if len(orjson.dumps(together)) > len(together) + len(quotes):
        return [b"".join((head, orjson.dumps(token), tail)) for token in tokens]
    head, tail = head + b'"', b'"' + tail
    return [head + token.encode() + tail for token in tokens]


def _address_activity(target: Target, body: bytes, places: tuple[int, int]) -> bytes:
    """Put a device and its activity's token into an event for iOS."""
    kind = b'"fid":' if target.kind == "fid" else b'"token":'
    at, live_at = places
    live = b'"live_activity_token":' + orjson.dumps(target.live_token) + b","
    return b"".join(
        (body[:at], kind, orjson.dumps(target.token), b",", body[at:live_at], live, body[live_at:])
    )


def _judge(replies: Replies, others: dict[int, Verdict]) -> Verdicts:
    """Judge answers of 200 by whether they name a message; which name, is for who asks."""
    size = len(replies)
    taken = Verdicts(size, others).of_accepted(range(size))
    if not are_all_named(replies.bodies):
        nameless = [
            n for n, body in zip(taken, replies.bodies, strict=True) if name_of(body) is None
        ]
        others |= dict.fromkeys(nameless, NAMELESS)
    return Verdicts(size, others, Made(size, partial(_names, size, taken, replies.bodies)))


def _names(size: int, taken: Sequence[int], bodies: Sequence[bytes]) -> list[str | None]:
    names: list[str | None] = [None] * size
    for n, body in zip(taken, bodies, strict=True):
        names[n] = name_of(body)
    return names

"""The senders of this process: one per credential, made on first use after the fork."""

import os
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from push_pipeline.credentials import ApnsCredential, Credential, WebPushCredential
from push_pipeline.platform import KNOWN_HOSTS
from push_workers.senders.answers import label_of
from push_workers.senders.apns.payload import render as render_apns
from push_workers.senders.apns.sender import ApnsSender
from push_workers.senders.base import Render, Sender
from push_workers.senders.fcm.payload import render as render_fcm
from push_workers.senders.fcm.sender import FcmSender
from push_workers.senders.provider_sender import SenderOptions
from push_workers.senders.webpush.payload import render as render_webpush
from push_workers.senders.webpush.responses import REASONS as WEB_REASONS
from push_workers.senders.webpush.sender import WebPushSender

_RENDERERS: dict[str, Render] = {
    "apns": render_apns,
    "fcm": render_fcm,
    "webpush": render_webpush,
}

#: What any provider says of a token, beside ours of those that it was not asked about.
_REASONS = ApnsSender.reasons | FcmSender.reasons | WEB_REASONS | {"MalformedToken"}

#: Open senders per process. Each holds a few connections; the least used makes room.
MOST_SENDERS = 64


class _Kept(NamedTuple):
    version: int
    sender: Sender


class SenderPool:
    """Keeps one sender per credential. Not for several threads.

    A sender of an older version of its credential is closed when the newer one is asked for.
    After a fork the child starts with none: the connections are its parent's, and even a
    farewell on them would be read by the provider as the parent's.
    """

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        timeout: float = 30.0,
        connections: int = 2,
        most_senders: int = MOST_SENDERS,
        push_services: Sequence[str] = KNOWN_HOSTS,
    ) -> None:
        self._options = SenderOptions(ca_file=ca_file, timeout=timeout, connections=connections)
        self._most_senders = most_senders
        self._push_services = push_services
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._pid = os.getpid()

    def get(self, credential_id: int, version: int, credential: Credential) -> Sender:
        """Return the sender for this version of the credential, made if there is none yet."""
        self._forget_parents()
        kept = self._kept.pop(credential_id, None)
        if kept is None or kept.version != version:
            if kept is not None:
                kept.sender.close()
            kept = _Kept(version, self._make(credential))
        self._kept[credential_id] = kept
        if len(self._kept) > self._most_senders:
            self._kept.popitem(last=False)[1].sender.close()
        return kept.sender

    def close_all(self) -> None:
        """Close every sender of this process. A second call does nothing."""
        self._forget_parents()
        while self._kept:
            self._kept.popitem()[1].sender.close()

    def _make(self, credential: Credential) -> Sender:
        if isinstance(credential, ApnsCredential):
            return ApnsSender(credential, **self._options)
        if isinstance(credential, WebPushCredential):
            return WebPushSender(credential, hosts=self._push_services, **self._options)
        return FcmSender(credential, **self._options)

    def _forget_parents(self) -> None:
        if self._pid != os.getpid():
            self._kept, self._pid = OrderedDict(), os.getpid()


def reason_label(reason: str | None) -> str:
    """Return any provider's reason as the label of a metric."""
    return label_of(reason, _REASONS)


def render_for(provider: str) -> Render:
    """Return a provider's renderer."""
    return _RENDERERS[provider]

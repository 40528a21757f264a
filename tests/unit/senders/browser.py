"""A browser's half of a subscription: its keys, and a decoder that we did not write."""

import os
from typing import Any

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from push_pipeline.web_push import Subscription, encoded

ENDPOINT = "https://updates.push.services.mozilla.com/wpush/v2/gAAAAA"


class Browser:
    """Subscribes, and opens what was sent to it."""

    def __init__(self, endpoint: str = ENDPOINT) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = self._key.public_key()
        point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.subscription = Subscription(endpoint, point, os.urandom(16))

    def to_json(self) -> dict[str, Any]:
        """What `PushSubscription.toJSON()` gives."""
        keys = self.subscription
        return {
            "endpoint": keys.endpoint,
            "expirationTime": None,
            "keys": {"p256dh": encoded(keys.p256dh), "auth": encoded(keys.auth)},
        }

    def open(self, body: bytes) -> bytes:
        """Decrypt with http_ece."""
        opened: bytes = http_ece.decrypt(
            body, private_key=self._key, auth_secret=self.subscription.auth, version="aes128gcm"
        )
        return opened

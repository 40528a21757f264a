"""What an app shows a provider: read from files, checked, sealed at rest, never printed."""

from push_pipeline.credentials.apns import ApnsCredential, Environment
from push_pipeline.credentials.fcm import FcmCredential
from push_pipeline.credentials.sealing import (
    Credential,
    Standing,
    certificate_end,
    keys_in,
    origin_of,
    reseal,
    seal,
    seal_text,
    standing,
    unseal,
    unseal_text,
)
from push_pipeline.credentials.webpush import WebPushCredential

__all__ = [
    "ApnsCredential",
    "Credential",
    "Environment",
    "FcmCredential",
    "Standing",
    "WebPushCredential",
    "certificate_end",
    "keys_in",
    "origin_of",
    "reseal",
    "seal",
    "seal_text",
    "standing",
    "unseal",
    "unseal_text",
]

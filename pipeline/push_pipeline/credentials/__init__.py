"""What an app shows a provider: read from files, checked, sealed at rest, never printed."""

from push_pipeline.credentials.apns import ApnsCredential, Environment
from push_pipeline.credentials.fcm import FcmCredential
from push_pipeline.credentials.sealing import Credential, seal, seal_text, unseal, unseal_text

__all__ = [
    "ApnsCredential",
    "Credential",
    "Environment",
    "FcmCredential",
    "seal",
    "seal_text",
    "unseal",
    "unseal_text",
]

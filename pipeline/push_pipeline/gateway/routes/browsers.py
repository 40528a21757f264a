"""What the page of a browser asks before it registers: the app's public key."""

from functools import lru_cache

from fastapi import APIRouter

from push_pipeline import db
from push_pipeline.credentials import WebPushCredential, unseal
from push_pipeline.directory.provider_routes import find_push_key
from push_pipeline.errors import BadCredential, NoBrowserKey
from push_pipeline.gateway.auth import Asking
from push_pipeline.gateway.wire import BrowserKey
from push_pipeline.settings import get_settings

router = APIRouter(tags=["registrations"])


@router.get("/messaging/webpush/key", summary="The public key that browsers subscribe with")
def key(asking: Asking) -> BrowserKey:
    """Tell the app's `applicationServerKey`; an app without one has no browsers."""
    asking.require("register")
    with db.reading() as connection:
        sealed = find_push_key(connection, asking.app_id)
    secret = get_settings().secret_key
    if sealed is None or secret is None:
        raise NoBrowserKey
    return BrowserKey(public_key=_public_half(secret.get_secret_value(), sealed))


@lru_cache(maxsize=256)
def _public_half(secret: str, sealed: bytes) -> str:
    try:
        credential = unseal(secret, sealed)
    except BadCredential:
        raise NoBrowserKey from None
    if not isinstance(credential, WebPushCredential):
        raise NoBrowserKey
    return credential.public_key

"""What the page of a browser asks before it registers: our scripts, the app's public key."""

from functools import lru_cache
from importlib.resources import files

from fastapi import APIRouter, Response

from push_pipeline import db
from push_pipeline.credentials import WebPushCredential, unseal
from push_pipeline.directory.provider_routes import find_push_key
from push_pipeline.errors import BadCredential, NoBrowserKey
from push_pipeline.gateway.auth import Asking
from push_pipeline.gateway.wire import BrowserKey
from push_pipeline.settings import get_settings

router = APIRouter(tags=["registrations"])

#: Pages of any site load them: they hold no secret.
_SCRIPTS = {
    name: (files("push_pipeline.gateway") / "static" / name).read_bytes()
    for name in ("push.js", "push-worker.js")
}
_ABOUT_SCRIPTS = {
    "cache-control": "public, max-age=3600",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
}


@router.api_route("/push.js", methods=["GET", "HEAD"], include_in_schema=False)
async def page_script() -> Response:
    """Give a page what subscribes and registers its browser."""
    return _script("push.js")


@router.api_route("/push-worker.js", methods=["GET", "HEAD"], include_in_schema=False)
async def worker_script() -> Response:
    """Give a service worker what shows pushes and opens what they lead to."""
    return _script("push-worker.js")


def _script(name: str) -> Response:
    return Response(_SCRIPTS[name], media_type="text/javascript", headers=_ABOUT_SCRIPTS)


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

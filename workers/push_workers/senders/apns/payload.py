"""Content as APNs takes it: the body and the headers that all devices of a run share.

Source of the rules: Apple, "Sending notification requests to APNs".
"""

from push_pipeline.content import Content, compact_json
from push_pipeline.content.apple import collapse_id as chosen_collapse_id
from push_pipeline.platform import Platform
from push_workers.senders.base import Rendered

#: A background push with any other priority is an error; an alert is to be shown now.
_BACKGROUND = {"apns-push-type": "background", "apns-priority": "5"}
_ALERT = {"apns-push-type": "alert", "apns-priority": "10"}


def render(
    content: Content,
    platform: Platform,
    *,
    message_id: str,
    collapse_id: str,
    expires_at: int | None,
    now: float,  # noqa: ARG001 — one signature for every platform; APNs counts from no "now"
) -> Rendered:
    """Render for iOS or macOS; see `push_workers.senders.base.Render`."""
    headers = dict(_BACKGROUND if content.silent_on(platform) else _ALERT)
    headers["apns-collapse-id"] = chosen_collapse_id(platform, content.headers) or collapse_id
    if expires_at is not None:
        headers["apns-expiration"] = str(expires_at)
    return Rendered(
        compact_json(content.for_apple(platform, message_id)),
        platform,
        headers,
        expires_at,
        collapsible=True,
    )

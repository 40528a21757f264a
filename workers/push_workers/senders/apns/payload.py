"""Content as APNs takes it: the body and the headers that all devices of a run share.

Source of the rules: Apple, "Sending notification requests to APNs".
"""

from push_pipeline.content import Content, compact_json
from push_pipeline.platform import Platform
from push_workers.senders.base import Rendered


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
    return Rendered(
        compact_json(content.for_apple(platform, message_id)),
        platform,
        content.apple_headers(platform, collapse_id, expires_at),
        expires_at,
        collapsible=content.push_type is None or content.push_type.repeatable,
    )

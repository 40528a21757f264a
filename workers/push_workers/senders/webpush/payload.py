"""Content as a browser takes it: the document, not encrypted yet, and the headers beside it."""

from push_pipeline.content import Content, compact_json
from push_pipeline.platform import Platform
from push_workers.senders.base import Rendered

#: A body that no push service can read (RFC 8188, 2).
_ENCRYPTED = {"content-encoding": "aes128gcm", "content-type": "application/octet-stream"}


def render(
    content: Content,
    platform: Platform,
    *,
    message_id: str,
    collapse_id: str,
    expires_at: int | None,
    now: float,
) -> Rendered:
    """Render for browsers; see `push_workers.senders.base.Render`."""
    return Rendered(
        compact_json(content.for_browsers(message_id, collapse_id)),
        platform,
        {**content.browser_headers(expires_at, now), **_ENCRYPTED},
        expires_at,
        collapsible=True,
    )

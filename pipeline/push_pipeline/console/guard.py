"""What every request and every answer of the console must look like; pure.

No page loads or runs anything that is not ours, no other page may frame it, and nothing is
changed by a request that another site's page made (Sec-Fetch-Site; Origin where a browser is
too old to say it).
"""

from collections.abc import Mapping

#: No inline script, no inline style, no eval: user text that slips through escaping does nothing.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

#: Methods that change nothing.
SAFE = frozenset({"GET", "HEAD"})

_SECURE_COOKIE, _PLAIN_COOKIE = "__Host-push-pipeline", "push-pipeline-console"


def cookie_name(scheme: str) -> str:
    """Return the name of the session's cookie: bound to the host where TLS is spoken."""
    return _SECURE_COOKIE if scheme == "https" else _PLAIN_COOKIE


def comes_from_here(method: str, headers: Mapping[str, str], origin: str) -> bool:
    """Tell whether a request that may change something was made by a page of ours."""
    if method in SAFE:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return headers.get("origin") == origin

"""The proxy that the environment names for a host: HTTPS_PROXY and NO_PROXY, as curl reads them."""

import base64
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import (  # type: ignore[attr-defined]  # typeshed lacks one
    getproxies_environment,
    proxy_bypass_environment,
)

#: Where a proxy listens that names no port, as curl has it.
_USUAL_PORT = 1080

#: Bytes of an answer to CONNECT that are read at the most.
LONGEST_HEAD = 16_384


class Proxy(NamedTuple):
    """Where to connect instead, and what to ask there."""

    host: str
    port: int
    request: bytes

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"  # the request may hold a password


def proxy_for(host: str, port: int) -> Proxy | None:
    """Return the proxy for a host, or None where it is reached directly.

    Raises:
        ValueError: the environment names one that is no http:// proxy: to another the name and
            password would go in the open.
    """
    proxies = getproxies_environment()
    url = proxies.get("https") or proxies.get("all")
    if not url or proxy_bypass_environment(f"{host}:{port}", proxies):
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("only http:// proxies are spoken to")
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if parts.username is not None:
        word = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(word.encode()).decode()}")
    request = "\r\n".join([*lines, "", ""]).encode()
    return Proxy(parts.hostname, parts.port or _USUAL_PORT, request)

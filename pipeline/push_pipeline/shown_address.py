"""How an address is shown to an operator: which one, without password or option."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit


def shown(url: str) -> str:
    """Return what says which database or broker is meant; of several, all of them."""
    return "; ".join(map(_shown, url.split(";")))


def _shown(url: str) -> str:
    scheme, _, rest = url.partition("://")
    scheme = scheme.partition("+")[0]
    if scheme == "sqlite":
        name = rest.partition("?")[0].removeprefix("/")
        return f"the file {Path(name).absolute()}" if name else "a database in memory"
    parts = urlsplit(url)
    if parts.scheme == "redis+socket":
        return f"the socket {parts.path}"
    port = f":{parts.port}" if parts.port else ""
    host = parts.hostname or parse_qs(parts.query).get("host", ["localhost"])[0]
    return f"{scheme}://{host}{port}{parts.path}"

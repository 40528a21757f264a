"""Which requests came by a trusted proxy, noted before its word about the client is taken."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from ipaddress import ip_address, ip_network
from typing import Any, cast

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

#: Whether a request came by a trusted proxy, in the ASGI scope.
BY_PROXY = "push_pipeline.by_proxy"


class NotedProxies:
    """Note which requests come from these addresses or networks."""

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        self._app = app
        self._networks = [ip_network(one) for one in proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        client = scope.get("client")
        scope[BY_PROXY] = client is not None and self._is_proxy(client[0])
        await self._app(scope, receive, send)

    def _is_proxy(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:  # a socket file has none
            return False
        return any(address in network for network in self._networks)


#: Headers, as they were sent.
Headers = list[tuple[bytes, bytes]]

#: Says who sent a request that came from an address with these headers.
ClientOf = Callable[[str, Headers], str]


def client_behind(proxies: Sequence[str]) -> ClientOf:
    """Return what takes the word of these proxies as the server's own middleware does.

    It goes from the gateway's parent to its processes, so it holds nothing but their names.
    """
    return partial(_told_by, tuple(proxies)) if proxies else _as_it_came


def _as_it_came(address: str, _: Headers) -> str:
    return address


def _told_by(proxies: tuple[str, ...], address: str, headers: Headers) -> str:
    scope: Scope = {"type": "http", "client": (address, 0), "headers": headers}
    with suppress(StopIteration):  # it waits for nothing, so its first step is its last
        _middleware(proxies)(scope, None, None).send(None)
    return str(scope["client"][0])


@cache
def _middleware(proxies: tuple[str, ...]) -> Any:
    return ProxyHeadersMiddleware(cast("Any", _nothing), list(proxies))


async def _nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    pass

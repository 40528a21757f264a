"""Which requests came by a trusted proxy, noted before its word about the client is taken."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

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

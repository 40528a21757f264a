"""The console beside the API, on one port: told apart before the API's prefixes are read."""

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

ROOT = "/console"


class ConsoleMount:
    """Give the console what is below `/console/`, but for the API's own console routes."""

    def __init__(self, app: ASGIApp, console: ASGIApp | None) -> None:
        self._app = app
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if self._console is None or not _is_ours(scope):
            await self._app(scope, receive, send)
            return
        if scope["path"] == ROOT:
            await RedirectResponse(f"{ROOT}/", status_code=308)(scope, receive, send)
            return
        await self._console({**scope, "root_path": ROOT}, receive, send)


def _is_ours(scope: Scope) -> bool:
    path: str = scope.get("path", "")
    if path.startswith(f"{ROOT}/messaging"):
        return False
    return scope["type"] == "http" and (path == ROOT or path.startswith(f"{ROOT}/"))

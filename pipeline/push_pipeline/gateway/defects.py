"""What nobody foresaw: told to the log, and answered as any other error.

Stands behind the rules for other origins and the count of answers. The framework's own place for
it is before them: a browser would be refused such an answer, and no metric would show it.
"""

import logging

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from push_pipeline.gateway.errors import INTERNAL, fault

logger = logging.getLogger(__name__)


class Defects:
    """Answer whatever is raised by the routes and has no answer of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and answer for it if nothing was answered."""
        started = False

        async def note_and_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, note_and_send)
        except Exception:
            if started or scope["type"] != "http":
                raise
            logger.exception("a request failed", extra={"action": "defect"})
            await answer_of_defect()(scope, receive, send)


def answer_of_defect() -> JSONResponse:
    """Build the answer that tells that something went wrong, and not what."""
    return fault(500, INTERNAL, "Something went wrong in the service.")

"""A form is bounded while it arrives: it is read before it is known who sends it."""

import asyncio
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Bytes. The largest form is a push with all of its users' ids.
FORM_MAX = 262_144

#: Seconds until it must have arrived.
FORM_SECONDS = 30.0

#: What is left of the form is not read: it would look like the next request.
CLOSE = {"Connection": "close"}


class BoundedForms:
    """Refuse what is longer or slower than a form may be; no more of it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with a body that ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received, ended = 0, False
        deadline = asyncio.get_running_loop().time() + FORM_SECONDS

        async def receive_bounded() -> Message:
            nonlocal received, ended
            if ended:  # what comes now is that the client leaves, however late
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, headers=CLOSE) from None
            received += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if received > FORM_MAX:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers=CLOSE)
            return message

        await self._app(scope, receive_bounded, send)

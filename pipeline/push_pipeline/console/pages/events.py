"""The stream of a page: what its topic says, now and whenever it changes."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from push_pipeline.console.live import Read, TooManyViewers, Topics
from push_pipeline.console.pages.message import Look
from push_pipeline.console.pages.messages import newest
from push_pipeline.console.pages.system import pulse
from push_pipeline.console.visitor import NotSignedIn, Visiting, find_visitor
from push_pipeline.errors import InvalidParameter, PipelineError

router = APIRouter(prefix="/a/{app_id}/events")

#: Messages of a stream after which it is asked again whether its viewer is still let in; at each
#: heartbeat it is asked as well.
ASKED_AGAIN = 20


@router.get("")
async def events(request: Request, visitor: Visiting, topic: str) -> Response:
    """Stream a topic: `messages`, `system`, or the id of a message."""
    read = await run_in_threadpool(_reader, visitor.app_id, topic)
    topics: Topics = request.app.state.topics
    told = topics.follow(f"{visitor.app_id} {topic}", read)
    try:
        first = await anext(told)
    except TooManyViewers:
        return Response(status_code=503, headers={"Retry-After": "5"})
    return StreamingResponse(
        _stream(request, first, told),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _stream(request: Request, first: str, told: AsyncGenerator[str]) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    yield _event(first)
    said = 0
    async with aclosing(told):
        async for one in told:
            said += 1
            ask = not one or said % ASKED_AGAIN == 0
            if ask and not await run_in_threadpool(_is_let_in, request):
                return
            yield _event(one)


def _event(html: str) -> str:
    if not html:
        return ": still here\n\n"
    lines = "".join(f"data: {line}\n" for line in html.splitlines())
    return f"event: html\n{lines}\n"


def _is_let_in(request: Request) -> bool:
    try:
        find_visitor(request)
    except (NotSignedIn, PipelineError):
        return False
    return True


def _reader(app_id: str, topic: str) -> Read:
    if topic == "messages":
        return lambda: newest(app_id)
    if topic == "system":
        return lambda: pulse(app_id)
    if topic.startswith("message:"):
        look = Look(app_id, topic)
        look.read()  # raises where there is no such message
        return look.read
    raise InvalidParameter("topic is messages, system or a message's id")

"""A straight way for requests that are there as a whole, of callers who are known.

Nearly all publishes and registrations are read in one piece, with a key that was looked up within
the last seconds. Nothing has to be waited for then but the transaction: such a request goes from
the wire to its group, and its answer back, without a task, and past all that is made of a request
for the framework. Whatever is not so plain, or wrong, is left to the framework, which does all
of it anew: here nothing is refused, and nothing was done before.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from starlette.routing import BaseRoute

from push_pipeline.errors import PipelineError
from push_pipeline.gateway.access_log import log_answer
from push_pipeline.gateway.auth import Gatekeeper
from push_pipeline.gateway.batcher import Batcher
from push_pipeline.gateway.console_mount import ROOT
from push_pipeline.gateway.defects import answer_of_defect
from push_pipeline.gateway.errors import answer_of
from push_pipeline.gateway.paths import split
from push_pipeline.gateway.permissions import Caller
from push_pipeline.gateway.ways import Ways

logger = logging.getLogger(__name__)

#: Where the server finds it: the name in the state that an application has while it serves.
STRAIGHT_WAY: Final = "push_pipeline_straight_way"

#: Bytes of a body that is checked at once. One that a provider takes is smaller; a larger one is
#: checked in a thread, so that nobody waits for it.
SMALL_MAX = 16_384

#: Headers of requests that are more than plain ones: who else asks, from which page, in which
#: trace, and bodies that must be unpacked first.
_NOT_PLAIN = frozenset(
    {b"user-token", b"origin", b"traceparent", b"content-encoding", b"transfer-encoding"}
)

#: A path in which nothing is escaped, without a query, that cannot be the console's.
_PLAIN_PATH = re.compile(rb"/(?!/|%b)[^%%?#\x80-\xff]*" % ROOT.removeprefix("/").encode())

#: By name, in lower case; the first one where it is there twice.
Headers = Mapping[bytes, bytes]


class Told(NamedTuple):
    """An answer: its body is JSON; beside what that needs, it has these headers."""

    status: int
    body: bytes
    headers: Iterable[tuple[bytes, bytes]] = ()


#: Sends an answer.
Reply = Callable[[Told], None]


class Whole(NamedTuple):
    """A request as it was read from the wire, with all of its body."""

    target: bytes
    headers: Headers
    body: bytes
    client: str


class Asked(NamedTuple):
    """A request whose caller is known, and the last segment of its path."""

    asking: Caller
    name: str
    headers: Headers
    body: bytes

    def header(self, name: bytes) -> str | None:
        """Return a header."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


class Plan(NamedTuple):
    """What is to be done for a request together with others, and how it is answered."""

    asked: Any
    answered: Callable[[Any], Told]


class Straight(NamedTuple):
    """How requests of a route are answered: `plan` gives None where the framework is to do it.

    It may raise as well, which also leaves the request to the framework.
    """

    plan: Callable[[Asked], Plan | None]
    together: Batcher[Any, Any]


class StraightWay:
    """Answer requests for some routes; `answers` are theirs by the routes' paths.

    What comes by the `operator_port` is none of them.
    """

    def __init__(
        self,
        routes: Iterable[BaseRoute],
        answers: Mapping[str, Straight],
        gatekeeper: Gatekeeper,
        operator_port: int | None,
    ) -> None:
        self._ways = Ways(routes, answers)
        self._gatekeeper = gatekeeper
        self._operator_port = operator_port

    def may_take(self, target: bytes, headers: Headers, port: int | None) -> bool:
        """Tell by its head whether a request may go this way; it came by this port."""
        return (
            headers.keys().isdisjoint(_NOT_PLAIN)
            and int(headers.get(b"content-length", SMALL_MAX)) < SMALL_MAX
            and _PLAIN_PATH.fullmatch(target) is not None
            and (self._operator_port is None or port != self._operator_port)
        )

    def take(self, request: Whole, reply: Reply) -> bool:
        """Take a request that may go this way, to answer it later; False: it is the framework's."""
        began = time.perf_counter()
        address, path = split(request.target.decode("latin-1"))
        way, name = self._ways.find(path)
        asking = self._gatekeeper.known(address)
        if way is None or way.answer is None or asking is None:
            return False
        plan = _plan(way.answer, Asked(asking, name, request.headers, request.body))
        if plan is None:
            return False
        seen = _Seen(request.client, way.route.path, began)
        way.answer.together.put(plan.asked, partial(_answer, reply, seen, plan.answered))
        return True


class _Seen(NamedTuple):
    """What the log tells of a request."""

    client: str
    route: str
    began: float


def _plan(straight: Straight, asked: Asked) -> Plan | None:
    try:
        return straight.plan(asked)
    except Exception:  # noqa: BLE001 - the framework meets the same error, and answers it
        return None


def _answer(
    reply: Reply,
    seen: _Seen,
    answered: Callable[[Any], Told],
    outcome: Any,
) -> None:
    """Answer a request and log it; nothing is raised, since others are answered after it."""
    try:
        told = _of_error(outcome) if isinstance(outcome, Exception) else answered(outcome)
        seconds = time.perf_counter() - seen.began
        log_answer(seen.client, "POST", seen.route, told.status, seconds)
        reply(told)
    except Exception:
        logger.exception("an answer could not be given", extra={"action": "defect"})


def _of_error(error: Exception) -> Told:
    if isinstance(error, PipelineError):
        response = answer_of(error)
    else:
        logger.error("a request failed", exc_info=error, extra={"action": "defect"})
        response = answer_of_defect()
    own = (one for one in response.raw_headers if not one[0].startswith(b"content-"))
    return Told(response.status_code, bytes(response.body), own)

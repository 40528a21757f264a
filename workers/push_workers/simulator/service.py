"""From a complete request to what the client sees of it: judge, script, perform.

The checks judge first. Only a request that passes them meets a rule or a magic prefix; processing
is recorded when it happens, before the answer is written, so that a cut in between leaves a
notification that was accepted and never answered.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial

from push_workers.simulator import magic
from push_workers.simulator.journal import Entry
from push_workers.simulator.link import Link
from push_workers.simulator.messages import Answer, Finding, Request, Shape
from push_workers.simulator.rules import Action
from push_workers.simulator.world import World

#: What says that it was taken; RFC 8030 has 201.
_TAKEN = frozenset((200, 201))
_PLAIN = Action()


class Service(ABC):
    """What the providers have in common."""

    #: "apns", "fcm" or "webpush", as rules and log name it.
    provider: str

    def __init__(self, world: World) -> None:
        self.world = world

    @abstractmethod
    def judge(self, link: Link, request: Request) -> Finding:
        """Check a request as the provider would."""

    @abstractmethod
    def rejection(self, request: Request, finding: Finding, action: Action) -> Answer:
        """Write the answer that a rule asks for."""

    @abstractmethod
    def after(self, link: Link, answer: Answer) -> None:
        """React on the connection to an answer that was given."""

    @abstractmethod
    def head_token(self, path: str) -> str:
        """Return the token where the path alone gives it."""

    def serve(self, link: Link, request: Request) -> None:
        """Deal with one request."""
        finding = self.judge(link, request)
        action = self._script(finding)
        if action.rst is not None:
            self._note(link, request, finding, Answer(0, reason=f"RST {action.rst}"), None)
            link.reset(request.stream, action.rst)
        elif action.cut == "unprocessed":
            self._note(link, request, finding, Answer(0, reason="cut"), None)
            link.cut()
        else:
            self._perform_later(link, request, finding, action)

    def watch(self, link: Link, path: str) -> bool:
        """Cut the connection before the body is read, where a rule says so; say whether."""
        if not self.world.rules.at_headers(self.provider, self.head_token(path)):
            return False
        link.cut()
        return True

    def _script(self, finding: Finding) -> Action:
        world, token = self.world, finding.token
        if not token:
            return _PLAIN
        world.rules.count(token)
        if finding.push is None:
            return _PLAIN
        action = world.rules.action(self.provider, token, finding.topic)
        if action is None and world.behaviour.magic:
            action = magic.action(self.provider, token, world.behaviour.slow_seconds)
        return action or _PLAIN

    def _perform_later(
        self, link: Link, request: Request, finding: Finding, action: Action
    ) -> None:
        delay = self._delay(finding.token, action)
        if delay <= 0:
            self._perform(link, request, finding, action)
            return
        perform = partial(self._perform, link, request, finding, action)
        asyncio.get_running_loop().call_later(delay, self._perform_due, self.world.era, perform)

    def _perform_due(self, era: int, perform: Callable[[], None]) -> None:
        if era == self.world.era:
            perform()

    def _delay(self, token: str, action: Action) -> float:
        span = action.delay or self.world.behaviour.delay_seconds
        if not isinstance(span, tuple):
            return span or 0.0
        low, high = span
        return low + (high - low) * self.world.rules.chance("delay", token)

    def _perform(self, link: Link, request: Request, finding: Finding, action: Action) -> None:
        """Process and answer. A stream that the client gave up meanwhile is processed as well."""
        if link.is_dropped(request.stream):
            return
        answer = finding.answer
        if action.status is not None or action.reason:
            answer = self.rejection(request, finding, action)
        silent = action.never or action.cut == "processed"
        self._note(link, request, finding, answer, None if silent else time.time())
        if action.cut == "processed":
            link.cut()
        elif action.cut == "answer":
            link.answer_headers(request.stream, answer)
            link.cut(flush=True)
        elif not action.never:
            link.answer(request.stream, answer, action.shape)
            self.after(link, answer)
        if action.goaway:
            link.goaway(action.goaway)

    def _note(
        self, link: Link, request: Request, finding: Finding, answer: Answer, answered: float | None
    ) -> None:
        world, push = self.world, finding.push
        processed = push is not None and answer.status in _TAKEN
        entry = Entry(self.provider, link.number, request, finding, answer, answered, processed)
        world.journal.record(entry)
        if processed and push is not None and world.registry.devices:
            world.registry.deliver(finding.token, finding.topic, push, world.clock.now())


def shaped(answer: Answer, shape: Shape) -> Answer:
    """Return the answer with a body that no JSON parser takes, where the shape is text."""
    if shape is not Shape.TEXT:
        return answer
    return answer._replace(body=b"<html><body>Error</body></html>")

"""A task in the hands of a worker child: it stops before and after each step into the world.

Each task runs in a greenlet of its own. Between two stops it is alone, so that every order in
which several workers can meet is a sequence of steps, and the same sequence is the same run.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from greenlet import greenlet

from push_pipeline.errors import DatabaseUnavailable


class Killed(BaseException):
    """The worker child got a SIGKILL: nothing of it runs any more."""


class Point(NamedTuple):
    """Where a task stands: what it is about to do, or has just done."""

    kind: str  # begin, committed, wake, send, pause
    what: Any = None


class Job:
    """One task. `at` is where it stands; `over` says that it has ended, or was killed."""

    def __init__(self, name: str, work: Callable[[], None], context: object = None) -> None:
        self.name = name
        self.context = context  # of the child that has it
        self.over = False
        self.at = Point("start")
        self._greenlet = greenlet(lambda _: work())

    @property
    def asks_the_database(self) -> bool:
        return not self.over and self.at.kind in ("begin", "committed")

    def go_on(self, told: object = None) -> None:
        """Go on to the next point."""
        self._follow(self._greenlet.switch, told)

    def kill(self) -> None:
        """End it where it stands."""
        if self.at.kind == "start":
            self.over = True
        else:
            self._follow(self._greenlet.throw, Killed)

    def stop(self, kind: str, what: object = None) -> Any:
        """Stop at a point; return what it is told there. For who runs inside of it."""
        return self._greenlet.parent.switch(Point(kind, what))

    def _follow(self, how: Callable[..., Any], *told: object) -> None:
        try:
            reached = how(*told)
        except (Killed, DatabaseUnavailable):
            self.over = True
        else:
            self.over = self._greenlet.dead
            if not self.over:
                self.at = reached

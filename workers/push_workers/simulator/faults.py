"""Faults on command: what happens to connections now, whatever their requests are."""

import time
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from push_workers.simulator.connections import Connection
from push_workers.simulator.listeners import Listener
from push_workers.simulator.world import World


class _Fault(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Literal["apns", "fcm", "webpush"] | None = None  # None: all


class Goaway(_Fault):
    """GOAWAY on every connection; the newest `spare` open streams are refused by it."""

    reason: str = "Shutdown"
    spare: int = 0
    close: bool = False  # at once, with streams unanswered


class Drop(_Fault):
    """A TCP reset of every connection."""


class CloseIdle(_Fault):
    """Close every connection that waits for nothing."""

    goaway: bool = True


class Limit(_Fault):
    """Another stream limit on every connection, and on the next ones after their first answer."""

    streams: int


class Stall(_Fault):
    """Read nothing for a while."""

    seconds: float


class RevokeTokens(_Fault):
    """Every access token issued until now is refused with ACCESS_TOKEN_EXPIRED."""


class Offset(_Fault):
    """Set the simulator's clock so many seconds ahead (or back) of real time."""

    seconds: float


class Faults:
    """Commits faults on the listeners of one process."""

    def __init__(self, world: World, listeners: list[Listener]) -> None:
        self._world = world
        self._listeners = listeners
        self._kinds: dict[str, tuple[type[_Fault], Callable[[Any], int]]] = {
            "goaway": (Goaway, self._goaway),
            "drop": (Drop, self._drop),
            "close-idle": (CloseIdle, self._close_idle),
            "limit": (Limit, self._limit),
            "stall": (Stall, self._stall),
            "revoke-tokens": (RevokeTokens, self._revoke),
            "clock": (Offset, self._offset),
        }

    def commit(self, kind: str, values: dict[str, Any]) -> dict[str, int]:
        """Commit a fault; return how many connections it met.

        Raises:
            ValueError: the kind or one of its values is unknown.
        """
        if kind not in self._kinds:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(self._kinds)}")
        model, commit = self._kinds[kind]
        return {"connections": commit(model.model_validate(values))}

    def live(self) -> int:
        """Return the number of live connections."""
        return sum(len(listener.connections.live) for listener in self._listeners)

    def _goaway(self, fault: Goaway) -> int:
        connections = self._of(fault)
        for connection in connections:
            connection.goaway(fault.reason, spare=fault.spare, close=fault.close)
        return len(connections)

    def _drop(self, fault: Drop) -> int:
        connections = self._of(fault)
        for connection in connections:
            connection.cut()
        return len(connections)

    def _close_idle(self, fault: CloseIdle) -> int:
        now = time.monotonic()
        listeners = self._listeners_of(fault)
        return sum(listener.close_idle(now, say_goaway=fault.goaway) for listener in listeners)

    def _limit(self, fault: Limit) -> int:
        field = "fcm_streams" if fault.provider == "fcm" else "streams"
        behaviour = self._world.behaviour
        self._world.behaviour = behaviour.model_copy(update={field: fault.streams})
        connections = self._of(fault)
        for connection in connections:
            connection.limit(fault.streams)
        return len(connections)

    def _stall(self, fault: Stall) -> int:
        connections = self._of(fault)
        for connection in connections:
            connection.stall(fault.seconds)
        return len(connections)

    def _revoke(self, _fault: RevokeTokens) -> int:
        self._world.tokens_revoked_at = self._world.clock.now()
        return 0

    def _offset(self, fault: Offset) -> int:
        self._world.clock.offset = fault.seconds
        return 0

    def _of(self, fault: _Fault) -> list[Connection]:
        return [c for listener in self._listeners_of(fault) for c in listener.connections.live]

    def _listeners_of(self, fault: _Fault) -> list[Listener]:
        return [
            listener
            for listener in self._listeners
            if fault.provider in (None, listener.service.provider)
        ]

"""The application that we live in, where it is one that we know: its settings, its transactions.

Imports nothing heavy: a host joins when it starts, and much later publishes.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")

#: What is typed before a command of ours where no host does it.
PROGRAM: Final = "push-pipeline"


class Host(Hashable, Protocol):
    """An application whose settings, connection and transaction our calls in its process use."""

    def setting_values(self) -> Mapping[str, Any]:
        """Return the settings that it gives, by field name; they win over the environment."""

    def scope(self) -> Hashable:
        """Name whose settings count now, where a process has several applications."""

    def spelling(self, field: str) -> str:
        """Return how its developers write a setting, for what is said about it."""

    def program(self) -> str:
        """Return what its developers type before a command of ours."""

    def shares_database(self) -> bool:
        """Say whether our tables are in its database, so that its transactions can be ours."""

    def connect(self, *, reading: bool) -> "AbstractContextManager[Connection]":
        """Open a part of the current transaction, or a transaction where there is none.

        One that is opened for reading only reads one consistent picture.
        """

    def after_commit(self, do: Callable[[], object]) -> None:
        """Call once the current transaction is committed; at once where there is none."""

    def waits_for_commit(self) -> Callable[[Callable[[], object]], None] | None:
        """Return how to call after the commit of a transaction that ours cannot be part of.

        None where no such transaction is open: in a database other than that of our tables.
        """

    def in_thread(self, do: Callable[[], T]) -> Awaitable[T]:
        """Call for a coroutine, on a thread on which the host's connections are its own."""


_host: Host | None = None
_program = PROGRAM


def join(host: Host | None) -> None:
    """Live in a host from now on; in none again with None. One for the process."""
    global _host  # noqa: PLW0603 - one for the process
    _host = host


def run_by(program: str) -> str:
    """Let our commands be called by a host's program from now on; return which it was before."""
    global _program
    before, _program = _program, program
    return before


def program() -> str:
    """Return what is typed here before a command of ours, for what is said about it."""
    return _program if _host is None else _host.program()


def joined() -> Host | None:
    """Return the host that was joined, if there is one."""
    return _host


def waits_for_commit() -> Callable[[Callable[[], object]], None] | None:
    """Return how to call after the commit of a host's transaction that is none of ours."""
    return None if _host is None else _host.waits_for_commit()


def sharing() -> Host | None:
    """Return the host whose connection and transactions are ours too, if there is one."""
    return _host if _host is not None and _host.shares_database() else None

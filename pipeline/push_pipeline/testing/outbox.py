"""The outbox: what was published and not rolled back, in its order."""

import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

from push_pipeline import db
from push_pipeline.errors import DedupeKeyReused
from push_pipeline.ledger.messages import (
    NewMessage,
    Once,
    Receipt,
    fresh_receipt,
    new_message_id,
)
from push_pipeline.publishing.draft import Draft
from push_pipeline.publishing.on_commit import after_commit
from push_pipeline.publishing.recorder import recorded_by, recorder
from push_pipeline.settings import get_settings
from push_pipeline.testing.matching import WHATEVER, Push, is_as

if TYPE_CHECKING:
    from sqlalchemy.orm import Session, scoped_session


class _Commit:
    """What is called at the commit. The transaction alone keeps it: a rollback lets it go."""

    def __init__(self, entry: "_Entry") -> None:
        self._entry = entry

    def __call__(self) -> None:
        """Note that it is durable."""
        self._entry.committed = True


@dataclass(eq=False, slots=True)
class _Entry:
    push: Push
    receipt: Receipt
    once: Once | None
    committed: bool = False
    commit: "weakref.ref[_Commit] | None" = None

    @property
    def stands(self) -> bool:
        """Whether it was not rolled back: it is committed, or its transaction is still open."""
        return self.committed or (self.commit is not None and self.commit() is not None)


class Outbox(Sequence[Push]):
    """What was published, first to last, as `mail.outbox` is for mail. Safe for threads."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._lock = threading.RLock()

    def take(
        self, draft: Draft, app: str | None, session: "Session | scoped_session[Session] | None"
    ) -> Receipt:
        """Take what is published: the seam of the pipeline, not for tests."""
        addressed = replace(draft, app_id=app or get_settings().app_id or "")
        new = addressed.message()
        with self._lock:
            said = self._said(new)
            if said is not None:
                return replace(said, replayed=True)
            message_id = new_message_id()
            receipt = fresh_receipt(message_id, new, addressed.warnings)
            entry = _Entry(Push.of(message_id, addressed), receipt, new.once)
            self._entries.append(entry)
        commit = _Commit(entry)
        entry.commit = weakref.ref(commit)
        if session is None:
            db.after_commit(commit)
        else:
            after_commit(session, commit)
        return receipt

    def clear(self) -> None:
        """Forget all of it."""
        with self._lock:
            self._entries.clear()

    def matching(
        self,
        *,
        channel: str | None = WHATEVER,
        users: Any = WHATEVER,
        devices: Any = WHATEVER,
        message: Any = WHATEVER,
        headers: Any = WHATEVER,
        at: Any = WHATEVER,
        **others: Any,
    ) -> list[Push]:
        """Return the pushes that have all of these values.

        Args:
            channel: its name; None for a push that names its users only.
            users: exactly these, in any order; one id or several.
            devices: the same.
            message: what it says, or a compiled pattern that its text has.
            headers: these among its headers.
            at: as `Push.at`; two datetimes for the earliest and the latest.
            others: further fields of `Push`, as they are there.
        """
        wanted = {"channel": channel, "users": users, "devices": devices, "message": message}
        wanted |= {"headers": headers, "at": at, **others}
        return [push for push in self if is_as(push, wanted)]

    def assert_pushed(self, count: int | None = None, **wanted: Any) -> Push:
        """Assert that a push has all of these values, as `matching` reads them; return the first.

        Args:
            count: how many must have them; at least one without it.
            wanted: as for `matching`.
        """
        found = self.matching(**wanted)
        if len(found) != count if count is not None else not found:
            many = "a push" if count is None else f"{count} pushes"
            looked_for = ", ".join(f"{name}={value!r}" for name, value in wanted.items())
            raise AssertionError(f"expected {many} with {looked_for}; there are {self}")
        return found[0] if found else self[0]

    def assert_nothing_pushed(self) -> None:
        """Assert that nothing was published, or that all of it was rolled back."""
        if len(self):
            raise AssertionError(f"expected no push; there are {self}")

    @overload
    def __getitem__(self, index: int) -> Push: ...
    @overload
    def __getitem__(self, index: slice) -> list[Push]: ...
    def __getitem__(self, index: int | slice) -> Push | list[Push]:
        return self._standing()[index]

    def __len__(self) -> int:
        return len(self._standing())

    def __str__(self) -> str:
        lines = [f"\n  {number}. {push}" for number, push in enumerate(self, 1)]
        return f"{len(lines)}:{''.join(lines)}" if lines else "none"

    def _standing(self) -> list[Push]:
        with self._lock:
            return [entry.push for entry in self._entries if entry.stands]

    def _said(self, new: NewMessage) -> Receipt | None:
        for entry in self._entries:
            known = entry.once if entry.stands and (entry.push.app or "") == new.app_id else None
            if known is None or new.once is None or known.key != new.once.key:
                continue
            if known.fingerprint != new.once.fingerprint:
                raise DedupeKeyReused
            return entry.receipt
        return None


@contextmanager
def record() -> Iterator[Outbox]:
    """Record what is published in the block, here and in the threads that it starts.

    Nothing is written or sent. Blocks nest: the innermost one records. Tests that run beside each
    other, in threads or in processes, have one each.
    """
    made = Outbox()
    with recorded_by(made):
        yield made


class _Current(Sequence[Push]):
    """The outbox of the innermost `record()`, under one name."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._now(), name)

    @overload
    def __getitem__(self, index: int) -> Push: ...
    @overload
    def __getitem__(self, index: slice) -> list[Push]: ...
    def __getitem__(self, index: int | slice) -> Push | list[Push]:
        return self._now()[index]

    def __len__(self) -> int:
        return len(self._now())

    def __str__(self) -> str:
        return str(self._now())

    def _now(self) -> Outbox:
        now = recorder()
        if isinstance(now, Outbox):
            return now
        raise LookupError("nothing is recorded: use `with record():` or the fixture `pushes`")


#: What the innermost `record()` has recorded.
outbox = _Current()

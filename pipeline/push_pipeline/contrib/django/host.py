"""Django as the host of our calls: its settings, its connection, its transactions."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import transaction

from push_pipeline.contrib.django import conf

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")


class DjangoHost:
    """Django's process, for `push_pipeline.host`. Nothing is read before it is asked."""

    def setting_values(self) -> Mapping[str, Any]:
        """Return what `PUSH_PIPELINE` says, by field name."""
        return conf.setting_values()

    def scope(self) -> None:
        """Return nothing: Django's settings are those of the process."""

    def spelling(self, field: str) -> str:
        """Return the name of a setting as `PUSH_PIPELINE` has it."""
        return f"{conf.NAME}[{field.upper()!r}]"

    def program(self) -> str:
        """Return Django's command."""
        return "python manage.py push"

    def shares_database(self) -> bool:
        """Say whether the pipeline's tables are in a database of Django's."""
        return conf.shared_alias() is not None

    def connect(self, *, reading: bool) -> "AbstractContextManager[Connection]":
        """Open a savepoint of the transaction that is open, or a transaction."""
        from push_pipeline.contrib.django.connection import guest_connection

        return guest_connection(conf.shared_alias(), reading=reading)

    def after_commit(self, do: Callable[[], object]) -> None:
        """Call when Django's transaction is committed; never where it is rolled back."""
        transaction.on_commit(do, using=conf.shared_alias(), robust=True)

    def waits_for_commit(self) -> Callable[[Callable[[], object]], None] | None:
        """Return Django's `on_commit` for a transaction that our tables are not in."""
        alias = conf.foreign_transaction()
        return None if alias is None else partial(transaction.on_commit, using=alias, robust=True)

    def in_thread(self, do: Callable[[], T]) -> Awaitable[T]:
        """Call on the thread of Django's other calls."""
        return sync_to_async(do, thread_sensitive=True)()

"""Which devices are those of users: the condition that the index on users answers."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, and_

from push_pipeline.db import any_of
from push_pipeline.models import DEVICE


def of_users(
    app_id: str | BindParameter[str], user_ids: Sequence[str] | BindParameter[Any]
) -> ColumnElement[bool]:
    """Return the condition that a device is linked to one of these users."""
    # SQLite takes the index, which has no devices without a user, only where this is said.
    linked = DEVICE.user_id.is_not(None)
    return and_(DEVICE.app_id == app_id, linked, any_of(DEVICE.user_id, user_ids))

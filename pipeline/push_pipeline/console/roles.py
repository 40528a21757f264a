"""Roles, each with what the one before it may do; pure."""

from collections.abc import Mapping
from enum import IntEnum

from push_pipeline.errors import InvalidParameter

#: Stands for every app.
EVERY_APP = "*"


class Role(IntEnum):
    """What somebody may do in an app."""

    VIEWER = 1  # sees numbers, reasons and states
    PUBLISHER = 2  # sends, stops, and asks to see texts
    ADMIN = 3  # puts devices out and back, forgets them, edits templates, sees who did what


def read_role(name: str) -> Role:
    """Return a role by its name.

    Raises:
        InvalidParameter: there is none.
    """
    try:
        return Role[name.upper()]
    except KeyError:
        raise InvalidParameter(
            f"role {name[:20]!r} is unknown: use viewer, publisher or admin"
        ) from None


def role_in(roles: Mapping[str, str], app_id: str) -> Role | None:
    """Return the role that somebody has in an app: what is said of it, or of every app."""
    said = roles.get(app_id, roles.get(EVERY_APP))
    return None if said is None else read_role(said)


def apps_of(roles: Mapping[str, str], there: list[str]) -> list[str]:
    """Return the apps, of those that are there, in which somebody has a role."""
    return [app_id for app_id in there if role_in(roles, app_id) is not None]

"""Who did what in the console."""

from fastapi import APIRouter
from starlette.responses import Response

from push_pipeline import db
from push_pipeline.console.rendering import page
from push_pipeline.console.roles import Role
from push_pipeline.console.visitor import Visiting
from push_pipeline.directory.audit import PAGE, list_deeds

router = APIRouter(prefix="/a/{app_id}/audit")


@router.get("")
def audit(visitor: Visiting, before: int | None = None) -> Response:
    """List what was done, the newest first."""
    visitor.require(Role.ADMIN)
    with db.reading() as connection:
        deeds = list_deeds(connection, visitor.app_id, before, of_no_app=visitor.everywhere)
    following = deeds[-1].id if len(deeds) == PAGE else None
    return page("audit.html", visitor, deeds=deeds, following=following)

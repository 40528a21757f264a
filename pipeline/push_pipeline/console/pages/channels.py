"""The channels of an app by name."""

from fastapi import APIRouter
from starlette.responses import Response

from push_pipeline import db
from push_pipeline.console.rendering import page
from push_pipeline.console.visitor import Visiting
from push_pipeline.devices.channels import list_channels

router = APIRouter(prefix="/a/{app_id}/channels")

#: Channels of a page.
PAGE = 200


@router.get("")
def channels(visitor: Visiting, offset: int = 0) -> Response:
    """List the channels."""
    with db.reading() as connection:
        found = list_channels(connection, visitor.app_id, limit=PAGE + 1, offset=offset)
    following = offset + PAGE if len(found) > PAGE else None
    return page("channels.html", visitor, found=found[:PAGE], following=following)

"""The channels of an app by name, and its broadcast channels of Apple's."""

from fastapi import APIRouter
from starlette.responses import Response

from push_pipeline import db
from push_pipeline.console.rendering import page
from push_pipeline.console.visitor import Visiting
from push_pipeline.devices.channels import list_channels
from push_pipeline.directory.broadcast_channels import list_known
from push_pipeline.directory.provider_routes import apple_environments

router = APIRouter(prefix="/a/{app_id}/channels")

#: Channels of a page.
PAGE = 200


@router.get("")
def channels(visitor: Visiting, offset: int = 0) -> Response:
    """List the channels."""
    with db.reading() as connection:
        found = list_channels(connection, visitor.app_id, limit=PAGE + 1, offset=offset)
        places = apple_environments(connection, visitor.app_id)
        lists = [list_known(connection, visitor.app_id, where) for where in places]
    return page(
        "channels.html",
        visitor,
        found=found[:PAGE],
        following=offset + PAGE if len(found) > PAGE else None,
        broadcasts=[one for known in lists for one in known] if places else None,
    )

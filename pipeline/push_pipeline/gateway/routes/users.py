"""Users: what the host application tells of them, for personalised text and segments."""

from fastapi import APIRouter

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.users import put_user
from push_pipeline.gateway import requests
from push_pipeline.gateway.auth import Asking
from push_pipeline.gateway.body import JsonObject
from push_pipeline.gateway.paths import Named
from push_pipeline.gateway.wire import UserView

router = APIRouter(tags=["users"])


@router.put("/users/{user_id:path}", openapi_extra=requests.PROPERTIES, summary="Store a user")
def put(user_id: Named, asking: Asking, body: JsonObject) -> UserView:
    """Store a user's properties, in place of those before. Devices link to the user's id."""
    asking.require("admin")
    with db.writing() as connection:
        put_user(connection, asking.app_id, user_id, body, now_ms())
    return UserView(user_id=user_id, properties=body)

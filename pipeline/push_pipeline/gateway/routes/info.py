"""What an SDK asks when it starts."""

from fastapi import APIRouter, Request

from push_pipeline.gateway.auth import Asking
from push_pipeline.gateway.paths import ADDRESS, Address
from push_pipeline.gateway.wire import AppInfo

router = APIRouter(tags=["app"])


@router.get("/info", summary="Which app this is")
async def info(asking: Asking, request: Request) -> AppInfo:
    """Tell which app this is. An invalid user token is refused here, so that it is dropped."""
    asking.require_some()
    address: Address = request.scope[ADDRESS]
    return AppInfo(app_id=asking.app_id, api_key=address.api_key)

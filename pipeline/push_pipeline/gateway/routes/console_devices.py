"""The console's routes about devices: listed, looked at. No token is told in full."""

from typing import Annotated

from fastapi import APIRouter, Query

from push_pipeline import list_devices, show_device
from push_pipeline.devices.inventory import KEY_MAX, PAGE, PAGE_MAX
from push_pipeline.devices.views import DevicePage, DeviceView
from push_pipeline.gateway.auth import Asking
from push_pipeline.gateway.paths import Listed, Named

router = APIRouter(prefix="/console/messaging", include_in_schema=False)


@router.get("/devices")
def devices(
    asking: Asking,
    user: Listed | None = None,
    channel: Listed | None = None,
    os: Listed | None = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
    after: Annotated[int, Query(ge=0, le=KEY_MAX)] = 0,
) -> DevicePage:
    """List devices by pages, also those out of service; `next` is given back as `after`."""
    asking.require("admin")
    return list_devices(
        user=user, channel=channel, os=os, limit=limit, after=after, app=asking.app_id
    )


@router.get("/devices/{device_id:path}")
def device(device_id: Named, asking: Asking) -> DeviceView:
    """Tell what is known of a device."""
    asking.require("admin")
    return show_device(device_id, app=asking.app_id)

"""The console's routes about devices: listed, looked at, revived, forgotten.

No token is told in full.
"""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from push_pipeline import forget_device, list_devices, revive_devices, show_device
from push_pipeline.devices.inventory import KEY_MAX, PAGE, PAGE_MAX
from push_pipeline.devices.views import DevicePage, DeviceView
from push_pipeline.errors import InvalidParameter
from push_pipeline.gateway.auth import Asking
from push_pipeline.gateway.body import JsonObject
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


@router.post("/devices/revive")
def revive(asking: Asking, body: JsonObject) -> dict[str, Any]:
    """Take devices back into service: `deviceIds`, or those put out `since` or for a `reason`.

    At most a thousand at a call; `more` says that others are left, `unchanged` which ids were
    not out of service.
    """
    asking.require("admin")
    wanted = [body.pop(name, None) for name in ("deviceIds", "since", "reason")]
    ids, since, reason = wanted
    if body or not isinstance(ids, list | None) or not isinstance(reason, str | None):
        raise InvalidParameter("name deviceIds (a list), or since and reason, and nothing else")
    return asdict(revive_devices(ids, since=since, reason=reason, app=asking.app_id))


@router.delete("/devices/{device_id:path}")
def forget(device_id: Named, asking: Asking) -> dict[str, Any]:
    """Remove a device and its id, also from messages that were addressed to listed devices."""
    asking.require("admin")
    done = forget_device(device_id, app=asking.app_id)
    return {"devices": done.devices, "renamed": done.renamed}

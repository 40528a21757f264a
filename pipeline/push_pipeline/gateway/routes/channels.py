"""Channels: they come by themselves, and are deleted here."""

from fastapi import APIRouter

from push_pipeline import db
from push_pipeline.devices.channels import delete_channel
from push_pipeline.gateway.auth import Asking
from push_pipeline.gateway.paths import Named

router = APIRouter(tags=["channels"])


@router.delete("/messaging/channels/{channel}", summary="Delete a channel")
def delete(channel: Named, asking: Asking) -> bool:
    """Delete a channel and its subscriptions. Its devices stay registered elsewhere."""
    asking.require("admin")
    with db.writing() as connection:
        delete_channel(connection, asking.app_id, channel)
    return True

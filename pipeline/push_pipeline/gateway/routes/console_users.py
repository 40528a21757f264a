"""The console's routes about a person: what is held of them, told and erased."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from push_pipeline import erase_user, export_user
from push_pipeline.gateway.auth import Asking
from push_pipeline.gateway.paths import Named
from push_pipeline.privacy import UserExport

router = APIRouter(prefix="/console/messaging", include_in_schema=False)


@router.get("/users/{user_id:path}")
def export(user_id: Named, asking: Asking) -> UserExport:
    """Tell all that is held of a user."""
    asking.require("admin")
    return export_user(user_id, app=asking.app_id)


@router.delete("/users/{user_id:path}")
def erase(user_id: Named, asking: Asking) -> dict[str, Any]:
    """Erase all that is held of a user; it cannot be undone."""
    asking.require("admin")
    return asdict(erase_user(user_id, app=asking.app_id))

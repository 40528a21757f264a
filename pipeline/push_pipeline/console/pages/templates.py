"""Stored push templates, with what they would show."""

from fastapi import APIRouter
from starlette.responses import Response

from push_pipeline import db
from push_pipeline.console.phone import phones
from push_pipeline.console.rendering import page
from push_pipeline.console.visitor import Visiting
from push_pipeline.directory.apps import android_style, needs_sdk_copy
from push_pipeline.directory.templates import PUSH, get_template, list_templates
from push_pipeline.options import DeliveryOptions
from push_pipeline.publishing.push_template import draft_template

router = APIRouter(prefix="/a/{app_id}/templates")

#: Templates of a page.
PAGE = 100


@router.get("")
def templates(visitor: Visiting, offset: int = 0) -> Response:
    """List the push templates by name."""
    with db.reading() as connection:
        found = list_templates(connection, visitor.app_id, PUSH, limit=PAGE + 1, offset=offset)
    following = offset + PAGE if len(found) > PAGE else None
    return page("templates.html", visitor, found=found[:PAGE], following=following)


@router.get("/one")
def template(visitor: Visiting, name: str) -> Response:
    """Show a template, and what a push of it would look like with its own default words."""
    with db.reading() as connection:
        found = get_template(connection, visitor.app_id, PUSH, name)
        style = android_style(connection, visitor.app_id)
        copied = needs_sdk_copy(connection, visitor.app_id)
    draft = draft_template(found, None, DeliveryOptions(), None)
    shown = phones(draft, style, sdk_copy=copied)
    return page("template.html", visitor, stored=found, shown=shown)

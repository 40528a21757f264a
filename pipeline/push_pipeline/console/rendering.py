"""Pages from templates: escaped throughout, with the few words that they are written in."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from push_pipeline.console.progress import NOTHING, bar, share
from push_pipeline.console.reasons import meaning_of
from push_pipeline.console.visitor import Visitor
from push_pipeline.ledger.views import PARTS

_SECONDS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def _moment(at_ms: int | None) -> str:
    if at_ms is None:
        return NOTHING
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _number(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:,.0f}".replace(",", "\u202f")


def _span(seconds: float | None) -> str:
    if seconds is None:
        return NOTHING
    for unit, name in _SECONDS:
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"


def _short(message_id: str) -> str:
    return message_id.removeprefix("message:")[:8]


_environment = Environment(
    loader=PackageLoader("push_pipeline.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {
    "moment": _moment,
    "number": _number,
    "span": _span,
    "short": _short,
    "bar": bar,
    "meaning": meaning_of,
}
_environment.globals |= {
    "parts": [str(part) for part in PARTS],
    "share": share,
    "release": version("push-pipeline"),
}


def fragment(template: str, **values: Any) -> str:
    """Render a template."""
    return _environment.get_template(template).render(**values)


def page(
    template: str,
    visitor: Visitor | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Answer with a page, or with a part of one."""
    return HTMLResponse(fragment(template, visitor=visitor, **values), status, dict(headers or {}))

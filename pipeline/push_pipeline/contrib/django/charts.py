"""What became of a run's devices, as one bar. No style and no script: it passes any policy."""

from itertools import accumulate
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from push_pipeline.ledger.views import Counts

WIDTH: Final = 480  # pixels

COLOURS: Final = {
    "accepted": "#2e7d32",
    "rejected": "#c62828",
    "expired": "#8d6e63",
    "cancelled": "#757575",
    "unknown": "#f9a825",
    "inFlight": "#1565c0",
}


def outcome_chart(counts: Counts) -> SafeString:
    """Draw the parts of an audience, each as wide as its share, with their numbers in words."""
    audience = counts["audience"]
    if not audience:
        return format_html("{}", "nobody")
    sizes = {part: int(counts[part]) for part in COLOURS}  # type: ignore[literal-required]
    widths = [WIDTH * size / audience for size in sizes.values()]
    starts = [0.0, *accumulate(widths)]
    bars = (
        (f"{start:.1f}", f"{width:.1f}", colour, part, sizes[part])
        for start, width, (part, colour) in zip(starts, widths, COLOURS.items(), strict=False)
        if sizes[part]
    )
    bar = '<rect x="{}" width="{}" height="16" fill="{}"><title>{}: {}</title></rect>'
    words = ", ".join(f"{part} {size}" for part, size in sizes.items() if size)
    return format_html(
        '<svg width="{}" height="16" role="img" aria-label="{}">{}</svg><br>{} of {}',
        WIDTH,
        words,
        format_html_join("", bar, bars),
        words,
        audience,
    )

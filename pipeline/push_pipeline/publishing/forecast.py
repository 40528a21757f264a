"""What would become of a draft: who would get it, how large it is, and what it would look like."""

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

from push_pipeline import db
from push_pipeline.audience import read_page, select_for
from push_pipeline.content.languages import choose
from push_pipeline.devices.targets import find_locales
from push_pipeline.directory.apps import android_style, needs_sdk_copy, resolve_app
from push_pipeline.field_warning import FieldWarning
from push_pipeline.platform import Platform
from push_pipeline.publishing.draft import Draft
from push_pipeline.publishing.foresight import foresee
from push_pipeline.publishing.preview import Notification, preview

#: Subscriptions read at once.
PAGE = 10_000

#: What a device has that told no locale.
NO_LOCALE = "unknown"


class Audience(NamedTuple):
    """Who would get a draft now.

    By the language that they would get it in, where it has several, else by their locale.
    """

    by_platform: dict[str, int]
    by_language: dict[str, int]
    by_locale: dict[str, int]


class Forecast(NamedTuple):
    """What would become of a draft, as things stand."""

    audience: Audience
    notifications: dict[Platform, Notification]
    warnings: tuple[FieldWarning, ...]
    not_found: tuple[str, ...] = ()


def forecast(draft: Draft, *, app: str | None) -> Forecast:
    """Look what would become of a draft; nothing is written.

    Of the platforms that it is for, those are rendered that somebody has; all where nobody is.

    Raises:
        StrictRefusal: it is strict, and has warnings.
    """
    with db.reading() as connection:
        addressed = replace(draft, app_id=resolve_app(connection, app))
        [foreseen] = foresee(connection, [addressed], draft.now)
        audience = _count(connection, addressed)
        style = android_style(connection, addressed.app_id)
        copied = needs_sdk_copy(connection, addressed.app_id)
    there = audience.by_platform
    rendered = preview(draft, style, sdk_copy=copied)
    shown = {key: one for key, one in rendered.items() if not there or key in there}
    warnings = (*draft.warnings, *foreseen.warnings)
    return Forecast(audience, shown, warnings, foreseen.not_found)


def _count(connection: db.Connection, draft: Draft) -> Audience:
    languages = draft.content.get("languages", {})
    platforms: Counter[str] = Counter()
    locales: Counter[str | None] = Counter()
    selection = select_for(draft.app_id, draft.channel, draft.to)
    cursor: int | None = 0
    while cursor is not None:
        page = read_page(connection, selection, cursor, PAGE, draft.now)
        keys = page.keys
        spoken = find_locales(connection, keys)
        for one in page.groups:
            platforms[one.platform] += len(one.keys)
        locales.update({locale: len(of) for locale, of in spoken.items()})
        if silent := len(keys) - sum(map(len, spoken.values())):
            locales[None] += silent
        cursor = page.cursor
    by_platform = dict(sorted(platforms.items()))
    if languages:
        chosen: Counter[str] = Counter()
        for locale, count in locales.items():
            chosen[choose(locale, languages)] += count
        return Audience(by_platform, dict(chosen.most_common()), {})
    told = {locale or NO_LOCALE: count for locale, count in locales.most_common()}
    return Audience(by_platform, {}, told if told.keys() - {NO_LOCALE} else {})

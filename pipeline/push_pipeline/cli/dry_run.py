"""A forecast of a publish as it is printed."""

import json
from collections.abc import Mapping
from typing import Any

from push_pipeline.cli.output import name_missing, say, warn
from push_pipeline.publishing.forecast import Forecast


def show(told: Forecast, *, as_json: bool) -> None:
    """Print a forecast; its warnings go to stderr."""
    warn(told.warnings)
    name_missing(told.not_found)
    if as_json:
        say(_pretty(_as_json(told)))
        return
    there = told.audience.by_platform
    for platform, one in told.notifications.items():
        size = f"{one.size:,} of {one.limit:,} bytes"
        say(f"{platform:<8} {there.get(platform, 0):>10,}   {size}")
    say(f"{'audience':<8} {sum(there.values()):>10,}")
    for kind, counts in (
        ("language", told.audience.by_language),
        ("locale", told.audience.by_locale),
    ):
        for name, count in counts.items():
            say(f"{'':<8} {count:>10,}   {kind} {name}")
    for platform, one in told.notifications.items():
        head = "".join(f"{name}: {value}\n" for name, value in one.headers.items())
        say(f"\n{platform}\n{head}{_pretty(one.body)}")


def _as_json(told: Forecast) -> dict[str, Any]:
    by_platform, by_language, by_locale = told.audience
    some = {
        "byLanguage": by_language,
        "byLocale": by_locale,
        "warnings": [one._asdict() for one in told.warnings],
        "notFound": list(told.not_found),
    }
    return {
        "audience": sum(by_platform.values()),
        "byPlatform": by_platform,
        **{name: value for name, value in some.items() if value},
        "notifications": {
            platform.value: {
                "bytes": one.size,
                "limit": one.limit,
                "headers": one.headers,
                "body": one.body,
            }
            for platform, one in told.notifications.items()
        },
    }


def _pretty(document: Mapping[str, object]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)

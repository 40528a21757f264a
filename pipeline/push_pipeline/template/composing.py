"""A push template and the values of one push → what it says on each platform.

Texts and custom headers travel with the push; the rest of the look is kept on the device, where
the SDK looks the template up by its name. A push that was never stored brings its whole template
along (`ios_immediate_push` and its like).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from push_pipeline.content import compact_json
from push_pipeline.content.languages import DEFAULT, headers_in, message_in, spoken_in
from push_pipeline.platform import Platform
from push_pipeline.template.stored import (
    AndroidOptions,
    IosOptions,
    OsxOptions,
    PushTemplate,
    WebOptions,
)
from push_pipeline.template.wording import Wording

Headers = dict[str, object]

#: What the headers of the push say as well: there filled, and read first by the SDK.
_SAID_BESIDE: Final = frozenset(
    (
        "alertTitle",
        "alertSubtitle",
        "contentTitle",
        "summarySubText",
        "attachmentUrl",
        "largeIcon",
        "customHeaders",
    )
)

#: The name under which the SDK shows a push that brings its template along.
IMMEDIATE_NAME: Final = "ImmediateMessage"


def languages(template: PushTemplate) -> tuple[str, ...]:
    """Return the languages in which a template has a text of its own, beside its default."""
    headers: Headers = {}
    for platform in template.reached:
        headers |= _headers(platform, template)[0]
    return spoken_in(template.message, headers)


def compose(
    template: PushTemplate,
    values: Mapping[str, str],
    brought: Mapping[Platform, Mapping[str, Any]] | None = None,
    language: str = DEFAULT,
) -> dict[Platform, Wording]:
    """Fill a template in one language for the platforms that it is for.

    `brought` are the device-facing templates of a push that is not stored.

    Raises:
        MissingParameter: a variable has no value; it is named.
        InvalidParameter: a variable is unknown.
    """
    return {
        platform: _compose_for(platform, template, values, (brought or {}).get(platform), language)
        for platform in template.reached
    }


def _compose_for(
    platform: Platform,
    template: PushTemplate,
    values: Mapping[str, str],
    brought: Mapping[str, Any] | None,
    language: str,
) -> Wording:
    headers, hidden = _headers(platform, template)
    said = message_in(language, template.message), headers_in(language, _present(headers))
    wording = Wording.fill(*said, values, hidden=hidden)
    if hidden:
        return wording  # nothing is looked up for what is not shown
    # Put in last: braces in a name, or in JSON, are no variables.
    look = {"template_name": template.name} if brought is None else _bring(platform, brought)
    return replace(wording, headers={**wording.headers, **look})


def _present(headers: Headers) -> Headers:
    return {name: value for name, value in headers.items() if value is not None}


def _headers(platform: Platform, template: PushTemplate) -> tuple[Headers, bool]:
    """Return a platform's headers, and whether the push is to be shown at all."""
    options = template.options
    match platform:
        case Platform.IOS:
            return _for_ios(options.ios)
        case Platform.OSX:
            return _for_osx(options.osx)
        case Platform.ANDROID:
            return _for_android(options.android), False
        case Platform.WEB:
            return _for_web(options.web), False


def _for_ios(options: IosOptions) -> tuple[Headers, bool]:
    custom = dict(options.custom_headers or {})
    if options.content_available:
        return {**custom, "ios-content-available": 1}, True
    return {
        **custom,
        "ios-alert-title": options.alert_title,
        "ios-alert-subtitle": options.alert_subtitle,
        "ios-badge": options.badge,
        "ios-sound": options.sound,
        "ios-rich-media-url": options.attachment_url,
        "ios-mutable-content": options.mutable_content or None,
        "ios-thread-id": options.thread_id,
    }, False


def _for_osx(options: OsxOptions) -> tuple[Headers, bool]:
    custom = dict(options.custom_headers or {})
    if options.content_available:
        return {**custom, "osx-content-available": 1}, True
    return {
        **custom,
        "osx-alert-title": options.alert_title,
        "osx-alert-subtitle": options.alert_subtitle,
        "osx-badge": options.badge,
        "osx-sound": options.sound,
    }, False


def _for_android(options: AndroidOptions) -> Headers:
    return {
        **(options.custom_headers or {}),
        "android-content-title": options.content_title,
        "android-summary-subtext": options.summary_sub_text,
        "android-badge": options.badge_number,
        "android-large-icon": options.large_icon,
        "android-attachment-url": options.attachment_url,
        "android-delivery-priority": options.delivery_priority,
        "android-direct-boot": 1 if options.direct_boot else None,
        "android-ttl-seconds": options.ttl_seconds,
    }


def _for_web(options: WebOptions) -> Headers:
    return {
        **(options.custom_headers or {}),
        "web-title": options.title,
        "web-link": options.link,
        "web-icon": options.icon,
        "web-image": options.image,
        "web-tag": options.tag,
    }


def _bring(platform: Platform, look: Mapping[str, Any]) -> Headers:
    """Return the header that brings a template along, without what travels beside it."""
    carried = {
        name: value
        for name, value in look.items()
        if value not in (None, []) and name not in _SAID_BESIDE
    }
    text = compact_json({"name": IMMEDIATE_NAME, **carried}).decode()
    return {f"{platform.value.lower()}_immediate_push": text}

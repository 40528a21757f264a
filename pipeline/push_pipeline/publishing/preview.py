"""What the providers would be told of a draft, before anything of it is written; pure."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from push_pipeline.content import Content
from push_pipeline.content.fcm_message import android_message
from push_pipeline.content.live_activity import STORED_AS, ActivityContent, by_language
from push_pipeline.content.sizes import size_of
from push_pipeline.platform import Platform
from push_pipeline.publishing.draft import Draft
from push_pipeline.template.wording import Wording

#: Stands for the id that a message gets when it is written: as long as one.
SAMPLE_ID: Final = "message:00000000-0000-0000-0000-000000000000"

#: That of the message's first run, as a worker makes it.
_COLLAPSE_ID: Final = f"{SAMPLE_ID.removeprefix('message:')}.1"


class Notification(NamedTuple):
    """What the devices of a platform would get, in the default language.

    `size` is what the provider counts of it in its longest language, `limit` the most it takes.
    `headers` are those that APNs or a push service of browsers is told beside the body.
    """

    size: int
    limit: int
    headers: dict[str, str]
    body: dict[str, object]


def preview(
    draft: Draft, android_style: str, *, sdk_copy: bool = True
) -> dict[Platform, Notification]:
    """Render a draft for each platform that it is for; the style and the copy are the app's."""
    said = by_language(draft.content).values()
    shown: dict[Platform, Notification] = {}
    for platform in sorted(draft.to.platforms):
        plain = (_content(one, platform, draft.now) for one in said)
        contents = [one.styled(android_style).copied(sdk_copy) for one in plain]
        size, limit = max(size_of(content, platform, SAMPLE_ID) for content in contents)
        default = _counted(contents[0], platform)
        shown[platform] = Notification(size, limit, *_render(default, platform, draft))
    return shown


def _content(said: Mapping[str, Any], platform: Platform, now: int) -> Content:
    if STORED_AS in said:
        return ActivityContent.of_stored(said[STORED_AS], now)
    stored = said.get("wordings", {}).get(platform.value)
    if stored is None:
        return Content.from_json(said)
    wording = Wording.from_json(stored)
    return wording.content({column: f"{{Users.{column}}}" for column in wording.columns})


def _counted(content: Content, platform: Platform) -> Content:
    """Return a content whose badge, where it is raised, is that of a device without one."""
    change = content.badge_change(platform)
    return content if change is None else content.counting(change.number)


def _render(
    content: Content, platform: Platform, draft: Draft
) -> tuple[dict[str, str], dict[str, object]]:
    new = draft.message()
    expires_at = (new.due_at + new.ttl_ms) // 1000 if draft.to.ttl_seconds else 0
    if platform is Platform.ANDROID:
        told = android_message(content, SAMPLE_ID, expires_at, new.due_at // 1000)
        return {}, {"message": told}
    if platform is Platform.WEB:
        web_headers = content.browser_headers(expires_at, new.due_at / 1000)
        return web_headers, content.for_browsers(SAMPLE_ID, _COLLAPSE_ID)
    headers = content.apple_headers(platform, _COLLAPSE_ID, expires_at)
    return headers, content.for_apple(platform, SAMPLE_ID)

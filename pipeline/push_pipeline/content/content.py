"""What one publish says: a message and its headers, checked once and then frozen."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

from push_pipeline.content import android, apple, browser
from push_pipeline.content.badge import BadgeChange
from push_pipeline.content.languages import looks_unfinished
from push_pipeline.content.values import compact_json, text_of
from push_pipeline.errors import EmptyMessage, InvalidParameter
from push_pipeline.field_warning import FieldWarning
from push_pipeline.options.json_values import check_json
from push_pipeline.platform import APPLES, Platform
from push_pipeline.push_type import PushType

#: Apple: "Sending notification requests to APNs", apns-collapse-id. Bytes. Also kept for FCM's
#: collapse_key, which has no published limit.
COLLAPSE_ID_BYTES = 64

#: What stands in no text: NUL, and halves of surrogate pairs.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")

#: Messages that carry no text of their own: with `ios-content-available` the push is silent.
_BLANK: tuple[object, ...] = ("", {})


@dataclass(frozen=True, slots=True)
class Content:
    """A message and its headers. Two equal contents render to the same bytes.

    Build it with `from_publish`; it can be stored as JSON and read back. Headers without a
    value (null) count as absent.
    """

    message: object = field(repr=False)
    text: str = field(repr=False)
    headers: Mapping[str, object] = field(repr=False)
    count: int | None = field(default=None, repr=False)  # a badge that is kept of the device

    @classmethod
    def from_publish(cls, message: object, headers: object = None) -> Self:
        """Check what a caller sent.

        Raises:
            EmptyMessage: for null: a push message must be convertible to a string.
            InvalidParameter: for headers that are no object, for values that are not JSON or
                not Unicode, for a collapse id that the provider would refuse, and for an
                `ios-raw`, `osx-raw`, `android-raw`, `web-topic`, `web-urgency` or `web-actions`
                that the provider would not take.
        """
        if message is None:
            raise EmptyMessage
        message = _as_json("message", message)
        headers = {} if headers is None or headers == {} else _as_json("headers", headers)
        if not isinstance(headers, dict):
            raise InvalidParameter("headers must be an object of names and values")
        present = {name: value for name, value in headers.items() if value is not None}
        content = cls(message, text_of(message), MappingProxyType(present))
        if present:
            content._check_headers()
        return content

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Self:
        """Read back what `to_json` gave."""
        message, headers = stored["message"], stored["headers"]
        if not isinstance(headers, Mapping):
            raise InvalidParameter("stored headers must be an object")
        text = stored.get("text", message)
        return cls(message, text_of(text), MappingProxyType(dict(headers)))

    def to_json(self) -> dict[str, object]:
        """Return what a JSON column keeps.

        The text of an object is kept beside it: a database that stores JSON in parsed form may
        return the keys in another order, and the text would change.
        """
        stored: dict[str, object] = {"message": self.message, "headers": dict(self.headers)}
        return {**stored, "text": self.text} if isinstance(self.message, dict | list) else stored

    @property
    def push_type(self) -> PushType | None:
        """The push type of Apple's that it is of; None for an alert or a background push."""
        return apple.type_in(Platform.IOS, self.headers)

    @property
    def silent(self) -> bool:
        """Whether iOS devices are to show nothing."""
        return self.silent_on(Platform.IOS)

    def silent_on(self, platform: Platform) -> bool:
        """Tell whether Apple devices of this system are to show nothing."""
        return apple.is_silent(platform, self.headers, blank=self._blank)

    def warnings(self, platforms: Iterable[Platform] = tuple(Platform)) -> tuple[FieldWarning, ...]:
        """Name what of the headers has no effect on these platforms."""
        found = self._all_idle(frozenset(platforms)) if self.headers else []
        if looks_unfinished(self.message):
            found.append(FieldWarning("message", "is sent as JSON: its languages need a default"))
        return tuple(dict.fromkeys(found))  # what has no effect on two of them is named once

    def _all_idle(self, asked: frozenset[Platform]) -> list[FieldWarning]:
        return [one for platform in Platform if platform in asked for one in self._idle(platform)]

    def _idle(self, platform: Platform) -> list[FieldWarning]:
        if platform is Platform.ANDROID:
            return android.without_effect(self.text, self.headers)
        if platform is Platform.WEB:
            return browser.without_effect(self.headers)
        return apple.without_effect(platform, self.headers, silent=self.silent_on(platform))

    def for_apple(self, platform: Platform, message_id: str) -> dict[str, object]:
        """Return the whole APNs document for iOS or macOS."""
        said = platform, self.text, self.headers, message_id
        return apple.document(*said, blank=self._blank, count=self.count)

    def badge_change(self, platform: Platform) -> BadgeChange | None:
        """Return what the push does to the badge of a system's devices, if anything."""
        return apple.badge_change(platform, self.headers) if platform in APPLES else None

    def counting(self, count: int) -> Self:
        """Return the same with this badge where it is raised."""
        return replace(self, count=count)

    def apple_headers(
        self, platform: Platform, collapse_id: str, expires_at: int | None
    ) -> dict[str, str]:
        """Return what APNs is told beside the document; `expires_at` is epoch seconds."""
        told = platform, self.headers, collapse_id, expires_at
        return apple.request_headers(*told, blank=self._blank)

    def for_android(self, message_id: str) -> dict[str, str]:
        """Return FCM's data map."""
        return android.data_map(self.text, self.headers, message_id)

    def android_notification(self) -> dict[str, object] | None:
        """Return what the system shows on Android; None where that is left to the app."""
        return android.notification_block(self.text, self.headers)

    def for_browsers(self, message_id: str, collapse_id: str) -> dict[str, object]:
        """Return the whole document for browsers, before it is encrypted."""
        return browser.document(self.text, self.headers, message_id, collapse_id)

    def browser_headers(self, expires_at: int | None, now: float) -> dict[str, str]:
        """Return what a push service of browsers is told beside it; times are epoch seconds."""
        return browser.request_headers(self.text, self.headers, expires_at, now)

    @property
    def urgent_on_android(self) -> bool:
        """Whether FCM is to wake Android devices for it."""
        return android.is_urgent(self.text, self.headers)

    def styled(self, default: str) -> Self:
        """Return the same, shown on Android as the app does where the push does not say."""
        if android.style_of(self.headers.get("android-style")) is not None:
            return self
        headers = MappingProxyType({**self.headers, "android-style": default})
        return replace(self, headers=headers)

    def copied(self, copies: bool) -> Self:
        """Return the same, with the SDK's copy or without where the push does not say."""
        if copies:
            return self
        once = {"ios-sdk-copy": 0, "osx-sdk-copy": 0}
        return replace(self, headers=MappingProxyType({**once, **self.headers}))

    @property
    def _blank(self) -> bool:
        return self.message in _BLANK

    def _check_headers(self) -> None:
        self._check_collapsing()
        for platform in APPLES:
            apple.raw_patch(platform, self.headers)
            apple.check_type(platform, self.headers, blank=self._blank)
        android.raw_patch(self.headers)
        browser.check(self.headers)

    def _check_collapsing(self) -> None:
        wanted = {
            "ios-collapse-id": apple.chosen_collapse_id(Platform.IOS, self.headers),
            "osx-collapse-id": apple.chosen_collapse_id(Platform.OSX, self.headers),
            "android-collapse-key": android.collapse_key(self.headers),
        }
        for name, value in wanted.items():
            if value is not None and not _fits_a_header(value):
                limits = f"1 to {COLLAPSE_ID_BYTES} printable ASCII characters"
                raise InvalidParameter(f"{name} must be {limits}")


def _fits_a_header(value: str) -> bool:
    """Tell whether a value can stand in an HTTP header (no line breaks) and is short enough."""
    return value.isascii() and value.isprintable() and 0 < len(value) <= COLLAPSE_ID_BYTES


def _as_json(name: str, value: object) -> object:
    """Return a copy that nobody else can change, or refuse what no provider can be sent.

    A NUL character is refused as well: PostgreSQL cannot keep it in JSON.
    """
    if type(value) is str and not _NO_TEXT.search(value):
        return value
    try:
        written = compact_json(value)
    except (TypeError, ValueError, RecursionError):
        check_json(name, value)
        raise InvalidParameter(f"{name} must be JSON in valid Unicode") from None
    if b"\\u0000" in written.replace(b"\\\\", b""):
        raise InvalidParameter(f"{name} must not contain the NUL character")
    return json.loads(written)

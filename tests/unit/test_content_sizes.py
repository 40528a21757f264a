"""How large a push may be: bytes of the wire, not characters."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.content import (
    APNS_PAYLOAD_BYTES,
    FCM_DATA_BYTES,
    Content,
    compact_json,
)
from push_pipeline.content.languages import TEXT_HEADERS
from push_pipeline.content.sizes import (
    SOME_MESSAGE_ID,
    SURELY_FITS_BYTES,
    find_oversized,
    size_of,
)
from push_pipeline.errors import InvalidParameter
from push_pipeline.platform import APPLES, Platform
from push_pipeline.push_type import PUSH_TYPES
from push_workers.senders.apns.payload import render

#: One, two, three and four bytes of UTF-8, a combining mark, a family of joined emoji.
PIECES = ["a", "é", "漢", "😀", "e\u0301", "👨\u200d👩\u200d👧", '"', "\\", "\n", "\u2028"]


@given(st.lists(st.sampled_from(PIECES), max_size=400).map("".join))
def test_the_size_is_that_of_the_bytes_that_are_sent(text: str) -> None:
    content = Content.from_publish(text)
    sent = render(content, Platform.IOS, message_id="m1", collapse_id="r1", expires_at=None, now=0)
    assert size_of(content, Platform.IOS, "m1")[0] == len(sent.body)
    data = content.for_android("m1")
    assert size_of(content, Platform.ANDROID, "m1")[0] == len(
        "".join((*data, *data.values())).encode()
    )


@pytest.mark.parametrize("piece", ["a", "é", "漢", "😀"])
@pytest.mark.parametrize("platform", list(Platform))
def test_the_last_byte_that_fits_is_taken_and_the_next_is_refused(
    piece: str, platform: Platform
) -> None:
    # A browser shows a title, and a text of its own where it has one.
    headers = {"web-title": "t"}
    fixed, limit = size_of(Content.from_publish("x", headers), platform, "m1")
    fixed -= 2 if platform in APPLES else 1
    copies = 2 if platform in APPLES else 1  # APNs: in the alert and beside it
    room = (limit - fixed) // copies
    text = piece * (room // len(piece.encode()))
    text += "x" * (room - len(text.encode()))
    assert find_oversized(Content.from_publish(text, headers), [platform], "m1") == {}
    found = find_oversized(Content.from_publish(text + "x" * copies, headers), [platform], "m1")
    assert list(found) == [platform]
    assert str(limit) in found[platform]
    assert text[:50] not in found[platform]


def test_only_the_platforms_that_are_asked_for_count() -> None:
    text = Content.from_publish("x" * 3000)  # twice in APNs' document, once in FCM's
    assert find_oversized(text, [Platform.ANDROID], "m1") == {}
    assert list(find_oversized(text, [Platform.ANDROID, Platform.IOS], "m1")) == [Platform.IOS]


def test_nothing_is_escaped_that_need_not_be() -> None:
    assert compact_json({"a": "é😀", "b": [1, 2]}) == '{"a":"é😀","b":[1,2]}'.encode()


def test_the_limits_are_those_of_the_providers() -> None:
    assert APNS_PAYLOAD_BYTES == FCM_DATA_BYTES == 4096


def test_a_text_that_is_said_once_has_twice_the_room() -> None:
    for length, copies in ((1_990, 2), (3_900, 1)):
        made = Content.from_publish("x" * length, {"ios-sdk-copy": 0, "osx-sdk-copy": "false"})
        assert find_oversized(made, [Platform.IOS, Platform.OSX], "m1") == {}
        document = compact_json(made.for_apple(Platform.IOS, "m1"))
        assert document.count(b"x" * length) == 1
        assert b"sdk-copy" not in document
        plain = Content.from_publish("x" * length, {"ios-sdk-copy": 1})
        assert (Platform.IOS in find_oversized(plain, [Platform.IOS], "m1")) == (copies == 1)


def _filled(name: str, piece: str) -> Content:
    """Say a piece again and again in a header, or as the message, as often as surely fits."""
    room = (SURELY_FITS_BYTES - len(name) - 40) // len(orjson.dumps(piece)[1:-1])
    said = piece * room
    return Content.from_publish("m" if name else said, {name: said} if name else {})


@pytest.mark.parametrize("piece", [*PIECES, "\x1f", '{"a":', "[", "1"])
def test_what_is_small_fits_everywhere_with_room_to_spare(piece: str) -> None:
    others = ("", "custom", "ios-rich-media-url", "web-icon", "web-navigate", "android-image")
    for name in (*others, *sorted(TEXT_HEADERS)):
        try:
            content = _filled(name, piece)
        except InvalidParameter:  # not every header takes every text
            continue
        assert len(orjson.dumps(content.to_json())) <= SURELY_FITS_BYTES
        for platform in Platform:
            size, limit = size_of(content, platform, SOME_MESSAGE_ID)
            assert size < limit * 2 / 3, (name, platform)


def test_no_push_type_takes_less_than_an_alert() -> None:
    assert min(one.payload_bytes for one in PUSH_TYPES.values()) >= APNS_PAYLOAD_BYTES

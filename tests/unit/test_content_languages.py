"""Text by language: what is one, and which of them a device's locale chooses."""

import pytest

from push_pipeline.content.languages import choose, headers_in, message_in, spoken_in
from push_pipeline.errors import InvalidParameter, PayloadTooLarge
from push_pipeline.options import DeliveryOptions
from push_pipeline.publishing.draft import draft_message

HELLO = {"de": "Hallo", "pt_BR": "Oi", "default": "Hello"}


def draft(message, headers=None, values=None, **options):
    said = {"headers": headers or {}, "templateValues": values or {}}
    return draft_message("news", message, said, DeliveryOptions(**options), now=1)


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("DE_at.UTF-8", "de"),
        ("de_DE@currency=EUR", "de"),
        ("pt-BR", "pt-br"),
        ("pt_br", "pt-br"),
        ("pt-PT", "default"),
        ("zh-Hant-TW", "zh-hant"),
        ("zh-Hant-x-wide", "zh-hant"),
        ("zh", "default"),
        ("deu", "default"),
        ("default", "default"),
        ("", "default"),
        (None, "default"),
    ],
)
def test_a_locale_chooses_the_nearest_wider_language_or_the_default(locale, language):
    assert choose(locale, ("de", "pt-br", "zh-hant")) == language


def test_each_text_falls_back_by_itself():
    headers = {"ios-alert-title": {"de-AT": "Servus", "default": "Hi"}, "n": {"de": 1}}

    assert spoken_in(HELLO, headers) == ("de", "de-at", "pt-br")
    assert message_in("de-at", HELLO) == "Hallo"
    assert headers_in("de-at", headers) == {"ios-alert-title": "Servus", "n": {"de": 1}}
    assert headers_in("de", headers)["ios-alert-title"] == "Hi"
    assert message_in("default", HELLO) == "Hello"


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"id": "5", "to": "7"},
        {"default": 1, "en": "a"},
        {"default": "a", "title": "b"},
        {"default": {"en": "a"}},
        ["default"],
        "default",
    ],
)
def test_an_object_that_is_no_text_by_language_stays_data(message):
    made = draft(message)

    assert made.content["message"] == message
    assert "languages" not in made.content


@pytest.mark.parametrize(
    ("message", "headers"),
    [
        ({"default": "a", "de-AT": "b", "de_at": "c"}, {}),
        ({"default": "", "de": "a"}, {}),
        ({"default": "a", "de": ""}, {}),
        ("a", {"ios-alert-title": {"en": "a"}}),
        ("a", {"android-content-title": {"default": "a", "english": "b"}}),
        ("a", {"ios-alert-subtitle": {"default": "a", "de": 5}}),
        ({"en": "a"}, {"ios-alert-title": {"en": "a", "default": "b"}}),
        ({"default": "a", **{f"de-{n:03}": "b" for n in range(101)}}, {}),
    ],
)
def test_a_text_by_language_that_is_wrong_is_refused(message, headers):
    with pytest.raises(InvalidParameter):
        draft(message, headers)


def test_a_message_keeps_its_default_and_each_language_beside_it():
    made = draft(HELLO, {"ios-alert-title": {"de": "Küche", "default": "Kitchen"}, "x": "{y}"})

    assert (made.content["message"], made.content["headers"]) == (
        "Hello",
        {"ios-alert-title": "Kitchen", "x": "{y}"},
    )
    assert made.content["languages"] == {
        "de": {"message": "Hallo", "headers": {"ios-alert-title": "Küche", "x": "{y}"}},
        "pt-br": {"message": "Oi", "headers": {"ios-alert-title": "Kitchen", "x": "{y}"}},
    }


@pytest.mark.parametrize("values", [{}, {"x": "1"}])
def test_the_size_is_judged_in_each_language(values):
    draft({"default": "a", "de": "ä" * 900}, values=values)
    made = draft({"default": "a", "de": "ä" * 1100}, values=values)
    assert {platform.value for platform in made.too_large.usual} == {"IOS", "OSX"}
    assert all(how.startswith("in 'de'") for how in made.too_large.usual.values())
    with pytest.raises(PayloadTooLarge, match="ANDROID: in 'de'"):
        draft({"default": "a", "de": "ä" * 2100}, values=values, push_broadcast="ANDROID")

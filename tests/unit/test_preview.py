"""What a dry run shows is what a worker would send."""

import json

import pytest

from push_pipeline.content import Content
from push_pipeline.options import PublishOptions
from push_pipeline.platform import Platform
from push_pipeline.publishing.draft import draft_message
from push_pipeline.publishing.preview import SAMPLE_ID, preview
from push_workers.senders.registry import render_for

NOW = 1_800_000_000_000


def draft(message="Hi", values=None, delivery=None, **headers):
    said = PublishOptions(headers=headers, template_values=values)
    return draft_message("news", message, said, delivery, now=NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"ios-alert-title": "Küche", "android-content-title": "K", "a": {"b": [1, None]}},
        {"ios-collapse-id": "c", "android-collapse-key": "c", "android-ttl-seconds": 60},
        {"android-style": "both", "android-direct-boot": "1", "android-analytics-label": "l"},
        {
            "web-title": "K",
            "web-link": "https://a.example/",
            "web-ttl-seconds": 9,
            "web-topic": "t",
        },
        {"android-raw": {"android": {"restricted_package_name": "p"}, "data": {"x": "y"}}},
    ],
)
@pytest.mark.parametrize("style", ["data", "notification"])
def test_a_preview_is_what_a_worker_sends(headers, style):
    made = draft(delivery={"ttl": 600, "publish_at": NOW + 5_000}, **headers)
    content = Content.from_json(made.content).styled(style)

    for platform, shown in preview(made, style).items():
        rendered = render_for(platform.family)(
            content,
            platform,
            message_id=SAMPLE_ID,
            collapse_id=f"{SAMPLE_ID.removeprefix('message:')}.1",
            expires_at=(NOW + 605_000) // 1000,
            now=(NOW + 5_000) // 1000,
        )
        sent = json.loads(rendered.body)
        sent.pop("validate_only", None)  # of the request, not of the message
        assert sent == shown.body
        told = {} if platform is Platform.ANDROID else dict(rendered.headers)
        of_the_body = {"content-encoding", "content-type"}  # that a browser's is encrypted
        assert shown.headers == {name: told[name] for name in told if name not in of_the_body}


def test_a_preview_shows_the_default_language_and_counts_the_longest():
    long = "ein längerer Text"
    shown = preview(draft({"de": long, "default": "Hi"}), "data")

    assert set(shown) == set(Platform)
    for platform, one in shown.items():
        assert long not in json.dumps(one.body, ensure_ascii=False)
        alone = preview(draft(long), "data")[platform]
        assert (one.size, one.limit) == (alone.size, alone.limit)


def test_a_preview_names_the_columns_of_users_in_their_places():
    shown = preview(draft("Hi {Users.name}, {word}", values={"word": "there"}), "data")

    assert shown[Platform.ANDROID].body["message"]["data"]["message"] == "Hi {Users.name}, there"


def test_a_preview_of_a_raised_badge_shows_that_of_a_device_without_one():
    shown = preview(draft(**{"ios-badge": "+2"}), "data")

    assert shown[Platform.IOS].body["aps"]["badge"] == 2


def test_a_message_for_nobody_has_no_preview():
    assert preview(draft(delivery={"push_broadcast": "NONE"}), "data") == {}

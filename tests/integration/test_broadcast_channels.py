"""Broadcast channels of Apple's: made, listed, deleted, and pushed to, from end to end."""

import pytest

from push_pipeline import (
    create_broadcast_channel,
    delete_broadcast_channel,
    list_broadcast_channels,
    show_broadcast_channel,
)
from push_pipeline.errors import (
    AppleUnreachable,
    BroadcastChannelExists,
    BroadcastChannelRefused,
    UnknownBroadcastChannel,
)
from tests.installation import APP, Installation


def test_a_channel_is_made_once_shown_and_deleted_at_apple(installation: Installation) -> None:
    made = create_broadcast_channel("game", app=APP)

    assert made["channelId"]
    assert (made["stores"], made["environment"]) == ("latest", "production")
    with pytest.raises(BroadcastChannelExists):
        create_broadcast_channel("game", app=APP)
    installation.simulator.behave(broadcast_channels=1)
    with pytest.raises(BroadcastChannelRefused, match="CannotCreateChannelConfig"):
        create_broadcast_channel("second", app=APP)
    assert show_broadcast_channel("game", app=APP) == {**made, "atApple": True}
    assert list_broadcast_channels(app=APP) == [made]
    delete_broadcast_channel("game", app=APP)
    with pytest.raises(UnknownBroadcastChannel):
        show_broadcast_channel("game", app=APP)
    assert list_broadcast_channels(at_apple=True, app=APP) == []


def test_what_apple_forgot_or_nobody_named_is_told(installation: Installation) -> None:
    create_broadcast_channel("game", stores="nothing", app=APP)
    installation.simulator.reset()  # Apple's side is another one now

    [gone] = list_broadcast_channels(at_apple=True, app=APP)
    assert (gone["name"], gone["atApple"]) == ("game", False)
    assert show_broadcast_channel("game", app=APP)["atApple"] is False
    delete_broadcast_channel("game", app=APP)


def test_an_app_without_the_capability_and_an_apple_that_is_away_leave_no_name(
    installation: Installation,
) -> None:
    installation.simulator.behave(broadcasts=False)
    with pytest.raises(BroadcastChannelRefused, match="FeatureNotEnabled"):
        create_broadcast_channel("game", app=APP)
    installation.put_credentials(apns_url="https://127.0.0.1:9")
    with pytest.raises(AppleUnreachable):
        create_broadcast_channel("game", app=APP)

    assert list_broadcast_channels(app=APP) == []

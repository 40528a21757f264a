"""A stored template as the SDK on a device reads it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from push_pipeline.content.languages import DEFAULT, text_in
from push_pipeline.platform import Platform
from push_pipeline.template.stored import (
    AndroidOptions,
    ButtonTemplate,
    ChannelTemplate,
    IosOptions,
    OsxOptions,
    PushTemplate,
    Stored,
)

JsonObject = dict[str, Any]

#: What may be a text for each language; a device keeps the default, as each push brings its own.
_SHOWN = ("alertTitle", "alertSubtitle", "contentTitle", "summarySubText", "title")


class Looks(NamedTuple):
    """What push templates may refer to, by name."""

    buttons: Mapping[str, ButtonTemplate]
    channels: Mapping[str, ChannelTemplate]


def for_device(template: PushTemplate, platform: Platform, looks: Looks) -> JsonObject:
    """Return what devices of a platform keep of a template.

    Texts are as their author wrote them: what is to be shown travels with each push. A button
    or channel template that does not exist (any more) counts as none.
    """
    options = template.options
    match platform:
        case Platform.IOS:
            shown = _for_ios(options.ios, looks)
        case Platform.OSX:
            shown = _for_osx(options.osx)
        case Platform.ANDROID:
            shown = _for_android(options.android, looks)
        case Platform.WEB:
            shown = _kept(options.web)
    return {"name": template.name, **shown}


def _for_ios(options: IosOptions, looks: Looks) -> JsonObject:
    kept = _kept(options)
    named = kept.pop("buttonTemplate")
    return {**kept, "actions": _actions(looks, named)}


def _for_osx(options: OsxOptions) -> JsonObject:
    return _kept(options)


def _for_android(options: AndroidOptions, looks: Looks) -> JsonObject:
    kept = _kept(options)
    for spent in ("directBoot", "deliveryPriority", "ttlSeconds", "lights"):  # they steer FCM
        del kept[spent]
    cancel = kept.pop("cancel")
    buttons_name, channel_name = kept.pop("buttonTemplate"), kept.pop("channelTemplate")
    return {
        **kept,
        "colorCode": _colour(options.color_code),
        "cancelAfter": cancel["after"],
        "cancelOnTap": cancel["ontap"],
        "actions": _actions(looks, buttons_name),
        **_channel(looks.channels.get(channel_name)),
    }


def _kept(options: Stored) -> JsonObject:
    kept = options.to_json()
    if isinstance(kept.get("badge"), str):
        kept["badge"] = None  # a count of ours, which each push says
    return kept | {name: text_in(DEFAULT, kept[name]) for name in _SHOWN if name in kept}


def _actions(looks: Looks, name: str) -> list[JsonObject]:
    found = looks.buttons.get(name)
    return [] if found is None else [action.to_json() for action in found.actions]


def _channel(channel: ChannelTemplate | None) -> JsonObject:
    if channel is None:
        return {}
    return {
        "showBadge": channel.show_badge,
        "priority": channel.priority,
        "sound": channel.sound,
        "lightsColor": None if channel.lights_color is None else _colour(channel.lights_color),
        "lightsOnMs": channel.lights_on_ms,
        "lightsOffMs": channel.lights_off_ms,
        "vibrate": list(channel.vibrate),
    }


def _colour(written: str) -> int:
    return int(written.removeprefix("#"), 16)

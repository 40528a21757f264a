"""The operating systems that can be reached, and the provider each one is reached through."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Self

#: Kinds of tokens that are FCM's: a registration token, and a Firebase installation id.
FCM_KINDS = ("token", "fid")


class Platform(StrEnum):
    """The operating system of a device, by the API's names, with its `family`.

    `family` is the provider of its tokens, `apns`, `fcm` or `webpush`, unless a registration
    says otherwise. Also the name of its queue and its folder. `WEB` are browsers.
    """

    family: str

    IOS = "IOS", "apns"
    ANDROID = "ANDROID", "fcm"
    OSX = "OSX", "apns"
    WEB = "WEB", "webpush"

    # The default is for the type checker: members are looked up by name alone.
    def __new__(cls, name: str, family: str = "") -> Self:
        """Make the member of this name."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.family = family
        return member


class Vendor(StrEnum):
    """Who runs a push service of browsers.

    Each has a patience of its own, whatever key is shown to it: so each is a route of its own,
    and its name stands where APNs has its environment.
    """

    GOOGLE = "google"
    MOZILLA = "mozilla"
    APPLE = "apple"
    MICROSOFT = "microsoft"
    OTHER = "other"


VENDORS = tuple(vendor.value for vendor in Vendor)

#: The push services of the browsers. WebKit asks to allow all of push.apple.com, Microsoft all
#: of notify.windows.com.
VENDOR_OF_HOST: Mapping[str, Vendor] = {
    "fcm.googleapis.com": Vendor.GOOGLE,
    "jmt17.google.com": Vendor.GOOGLE,
    "updates.push.services.mozilla.com": Vendor.MOZILLA,
    "*.push.apple.com": Vendor.APPLE,
    "*.notify.windows.com": Vendor.MICROSOFT,
}

#: The hosts that are allowed unless the operator says otherwise.
KNOWN_HOSTS = tuple(VENDOR_OF_HOST)


#: Where the systems of devices are named to a caller.
NAMES = "IOS, ANDROID, OSX or WEB"

#: What Apple makes.
APPLES = (Platform.IOS, Platform.OSX)


def route_environment(kind: str, environment: str, default: str) -> str:
    """Return the environment of the route to a token of a kind; one that names none has the app's.

    Only tokens of APNs have one; a browser's names its push service instead.
    """
    if kind == "web":
        return environment
    return "" if kind in FCM_KINDS else (environment or default)


def provider_of(environment: str) -> str:
    """Return the provider that a batch goes by: APNs has environments, FCM has none."""
    if environment in VENDORS:
        return "webpush"
    return "apns" if environment else "fcm"

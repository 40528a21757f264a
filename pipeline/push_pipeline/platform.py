"""The operating systems that can be reached, and the provider each one is reached through."""

from enum import StrEnum
from typing import Self


class Platform(StrEnum):
    """The operating system of a device, by the API's names, with its `family`.

    `family` is the provider of its tokens, `apns` or `fcm`, unless a registration says
    otherwise. Also the name of its queue and its folder.
    """

    family: str

    IOS = "IOS", "apns"
    ANDROID = "ANDROID", "fcm"
    OSX = "OSX", "apns"

    # The default is for the type checker: members are looked up by name alone.
    def __new__(cls, name: str, family: str = "") -> Self:
        """Make the member of this name."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.family = family
        return member


def route_environment(kind: str, environment: str, default: str) -> str:
    """Return the environment of the route to a token of a kind; one that names none has the app's.

    Only tokens of APNs have one.
    """
    return (environment or default) if kind == "apns" else ""


def provider_of(environment: str) -> str:
    """Return the provider that a batch goes by: only APNs has environments, FCM has none."""
    return "apns" if environment else "fcm"

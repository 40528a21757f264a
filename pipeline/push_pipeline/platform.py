"""The operating systems that can be reached, and the provider each one is reached through."""

from enum import StrEnum


class Platform(StrEnum):
    """The operating system of a device, by the API's names."""

    IOS = "IOS"
    ANDROID = "ANDROID"
    OSX = "OSX"

    @property
    def family(self) -> str:
        """The provider: `apns` or `fcm`. Also the name of its queue and its folder."""
        return "fcm" if self is Platform.ANDROID else "apns"

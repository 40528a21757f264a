"""Device lists to import: seeded, with tokens of real shapes and the troubles of real lists.

`python -m push_workers.simulator.population --count 10000 --seed 1 --dead 0.02 > devices.ndjson`

The same arguments give the same bytes. A troubled device has one of the simulator's magic
prefixes at the start of its token, an ordinary one never has.
"""

import argparse
import base64
import signal
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import orjson

from push_workers.simulator import magic
from push_workers.simulator.webpush.browser import subscription
from push_workers.simulator.webpush.refusals import VENDORS

#: What can be wrong with a device, and the prefixes that make the simulator answer so.
TROUBLES: Final = {
    "dead": ("dead",),
    "foreign": ("f00d",),  # of another app or project
    "malformed": ("bad0",),
    "throttled": ("0429",),
    "failing": ("0500", "0503"),
    "slow": ("51de",),
    "cut": ("c0de",),  # the connection ends after the request was processed
}

#: Bytes of an APNs token and how many of a hundred devices have it. Apple: "APNs device tokens
#: are of variable length. Do not hard-code their size."
APNS_TOKEN_BYTES: Final = {32: 90, 40: 4, 80: 6}

#: Characters of a Firebase installation id, and of what follows `:APA91b` in a token.
INSTALLATION_ID_LENGTH: Final = 22
SECRET_LENGTH: Final = 134

_OS_VERSIONS: Final = {
    "IOS": ("16.7", "17.6", "18.5", "26.0", "26.1"),
    "OSX": ("14.7", "15.6", "26.1"),
    "ANDROID": ("10", "12", "13", "14", "15", "16"),
    "WEB": ("26.1", "140", "153"),
}
_SHARES: Final = ("android", "osx", "web", "installations", "users")
_PLACES: Final = (
    ("en_US", "America/New_York"),
    ("en_GB", "Europe/London"),
    ("de_DE", "Europe/Berlin"),
    ("pt_BR", "America/Sao_Paulo"),
    ("hi_IN", "Asia/Kolkata"),
    ("ja_JP", "Asia/Tokyo"),
    ("ar_EG", "Africa/Cairo"),
    ("en_AU", "Australia/Lord_Howe"),  # a half-hour change of daylight saving time
)


@dataclass(frozen=True, slots=True)
class Mix:
    """What a list is made of; each number is the fraction of devices, 0 to 1."""

    android: float = 0.5
    osx: float = 0.02
    web: float = 0.0
    web_url: str = ""  # of the push service that the browsers are at
    installations: float = 0.1  # of the Android devices: they have no token but an installation id
    users: float = 0.3  # linked to one of about half as many users
    channels: Mapping[str, float] = field(default_factory=lambda: {"default": 1.0})
    troubles: Mapping[str, float] = field(default_factory=dict)


def population(count: int, seed: int, mix: Mix) -> Iterator[dict[str, Any]]:
    """Yield `count` registrations by the API's names; the same seed and mix give the same ones."""
    random = Random(seed)  # noqa: S311 - the same list again is the point
    users = max(1, round(count * mix.users / 2))
    for _ in range(count):
        system = _system(random, mix)
        locale, zone = random.choice(_PLACES)
        yield {
            "deviceId": _device_id(random, system),
            "deviceToken": _token(random, system, mix),
            "os": system,
            "osVersion": random.choice(_OS_VERSIONS[system]),
            "channels": [name for name, share in mix.channels.items() if random.random() < share],
            "userId": f"user-{random.randrange(users)}" if random.random() < mix.users else None,
            "locale": locale,
            "timezone": zone,
        }


def apns_token(random: Random) -> str:
    """Return a device token: bytes in hexadecimal, of one of the lengths that are seen."""
    (length,) = random.choices(list(APNS_TOKEN_BYTES), list(APNS_TOKEN_BYTES.values()))
    return random.randbytes(length).hex()


def installation_id(random: Random) -> str:
    """Return a Firebase installation id: 17 bytes that begin with 0111, in 22 characters.

    Firebase's own SDKs make it so (`generateFid`).
    """
    first, *rest = random.randbytes(17)
    return _base64url(bytes([0x70 | first & 0x0F, *rest]))[:INSTALLATION_ID_LENGTH]


def fcm_token(random: Random) -> str:
    """Return a registration token: an installation id, `:APA91b` and a secret."""
    return f"{installation_id(random)}:APA91b{_base64url(random.randbytes(102))[:SECRET_LENGTH]}"


def _system(random: Random, mix: Mix) -> str:
    drawn = random.random()
    if drawn < mix.android:
        return "ANDROID"
    if drawn >= 1 - mix.web:
        return "WEB"
    return "OSX" if drawn < mix.android + mix.osx else "IOS"


def _device_id(random: Random, system: str) -> str:
    """Return what the SDKs send: ANDROID_ID, or Apple's identifier for vendor."""
    if system == "ANDROID":
        return random.randbytes(8).hex()
    return str(uuid.UUID(bytes=random.randbytes(16), version=4)).upper()


def _token(random: Random, system: str, mix: Mix) -> str | dict[str, object]:
    if system == "WEB":
        token = _drawn(random, mix, "webpush", apns_token)
        return subscription(mix.web_url, random.choice(VENDORS), token)
    provider, make = "apns", apns_token
    if system == "ANDROID":
        has_token = random.random() >= mix.installations
        provider, make = "fcm", fcm_token if has_token else installation_id
    return _drawn(random, mix, provider, make)


def _drawn(random: Random, mix: Mix, provider: str, make: Callable[[Random], str]) -> str:
    """Draw a token, with the prefix of a trouble or with none."""
    prefix = _trouble(random, mix.troubles)
    token = make(random)
    while magic.action(provider, token, slow_seconds=0) is not None:
        token = make(random)
    return prefix + token[len(prefix) :]


def _trouble(random: Random, troubles: Mapping[str, float]) -> str:
    """Return the prefix of a trouble that is drawn, mostly none."""
    drawn = random.random()
    for name, share in troubles.items():
        drawn -= share
        if drawn < 0:
            return random.choice(TROUBLES[name])
    return ""


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("a fraction is between 0 and 1")
    return share


def _channel(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    return name, _share(share or "1")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("population", description="Print a list of devices, NDJSON.")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    defaults = Mix()
    parser.add_argument("--web-url", default="", help="the push service of the browsers")
    for name in _SHARES:
        parser.add_argument(f"--{name}", type=_share, default=getattr(defaults, name))
    for name in TROUBLES:
        parser.add_argument(f"--{name}", type=_share, default=0.0, help="fraction of all devices")
    parser.add_argument(
        "--channel", type=_channel, action="append", default=[], metavar="NAME[=FRACTION]"
    )
    return parser


def main() -> None:
    """Print the list that the command line asks for."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end quietly when `head` has enough
    given = vars(_arguments().parse_args())
    mix = Mix(
        **{name: given[name] for name in (*_SHARES, "web_url")},
        channels=dict(given["channel"]) or Mix().channels,
        troubles={name: given[name] for name in TROUBLES if given[name]},
    )
    for device in population(given["count"], given["seed"], mix):
        sys.stdout.buffer.write(orjson.dumps(device, option=orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    main()

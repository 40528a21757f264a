"""Registrations of one call in rounds: what concerns the same device or token comes in turn. Pure.

A list may name a device many times: once for each channel, or with the tokens it had over time.
"""

from collections.abc import Iterable
from dataclasses import replace

from push_pipeline.devices.registration import Registration
from push_pipeline.devices.upsert import KEPT

#: A device id or a token, and which of the two.
Name = tuple[str, str]

_NEVER = (-1, 0)


def in_rounds(registrations: Iterable[Registration]) -> list[list[Registration]]:
    """Split registrations so that round by round they end as if written one by one.

    In a round no device id and no token comes twice. Several of one device with one token are
    made one.
    """
    rounds: list[list[Registration]] = []
    partner: dict[Name, Name] = {}  # the token that a device has by then, and whose a token is
    last: dict[Name, tuple[int, int]] = {}  # where in which round a name was concerned last
    for one in registrations:
        device, token = ("device", one.device_id), ("token", one.token)
        # With what parts: the token that it had, and the device that had its token.
        concerned = {device, token, partner.get(device, device), partner.get(token, token)}
        if partner.get(device) == token:
            n, at = last[device]
            rounds[n][at] = _joined(rounds[n][at], one)
            continue
        n = 1 + max(last.get(name, _NEVER)[0] for name in concerned)
        if n == len(rounds):
            rounds.append([])
        last |= dict.fromkeys(concerned, (n, len(rounds[n])))
        rounds[n].append(one)
        for name in concerned:
            partner.pop(name, None)
        partner |= {device: token, token: device}
    return rounds


def _joined(earlier: Registration, later: Registration) -> Registration:
    unsaid = [name for name in KEPT if getattr(later, name) is None]
    return replace(
        later,
        **{name: getattr(earlier, name) for name in unsaid},
        channels=tuple(dict.fromkeys((*earlier.channels, *later.channels))),
        environment=later.environment or earlier.environment,
    )

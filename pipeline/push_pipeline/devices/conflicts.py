"""What is decided where registrations concern the same device or token. Pure.

A list may name a device many times: once for each channel, or with the tokens it had over time.
And a token may have been another device's before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from push_pipeline.devices.registration import KEPT, Registration

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


class Holder(NamedTuple):
    """A device that has the id or the token of what is registered now. `key` is its row's."""

    key: int
    token: str
    device_id: str
    user_id: str | None
    expires_at: int | None


class Room(NamedTuple):
    """What is done before a round of registrations is written.

    `gone` are the keys of devices to be removed, with their subscriptions; `freed` those that
    only lose their token; `unlinked` the ids of devices that lose their user. `known` are the
    keys of the devices that stay, by device id; `replaced` those of the ones that are gone, but
    whose channels the device of the same id gets.
    """

    gone: list[int]
    freed: list[int]
    unlinked: list[str]
    known: dict[str, int]
    replaced: dict[str, int]


def plan_room(registrations: Sequence[Registration], holders: Sequence[Holder], now: int) -> Room:
    """Take each token from the device that had it before, and from its user; drop what expired.

    `registrations` are one round's, `now` is epoch milliseconds. A device that gives its token
    away and gets another one in the same round keeps its row: with it would go its
    subscriptions.

    A device of a user that gets another token from somebody who has not shown that it is theirs
    is a new one, in the same channels: what is under way to the user goes by the row's key.

    Raises:
        OperationDenied: the app demands that a device is shown to be theirs, and it was not.
    """
    coming = {one.token: one.device_id for one in registrations}
    staying = {one.device_id for one in registrations}
    current = [one for one in holders if one.expires_at is None or one.expires_at > now]
    moved = [one for one in current if coming.get(one.token, one.device_id) != one.device_id]
    freed = [one.key for one in moved if one.device_id in staying]
    lost = {one.device_id for one in moved} - staying
    _require_proof(registrations, current)
    replaced = _replaced(registrations, current)
    known = {one.device_id: one.key for one in current if one.device_id not in lost | {*replaced}}
    return Room(
        gone=sorted({one.key for one in holders} - {*known.values()}),
        freed=freed,
        unlinked=_with_strangers(moved, coming, {one.device_id: one.user_id for one in current}),
        known=known,
        replaced=replaced,
    )


def _require_proof(registrations: Iterable[Registration], current: Iterable[Holder]) -> None:
    coming = {one.device_id: one for one in registrations}
    for one in current:
        wanted = coming.get(one.device_id)
        if wanted is not None and wanted.token != one.token:  # to bring it is to show it
            wanted.claimant.require(one.token, one.user_id)


def _replaced(registrations: Iterable[Registration], current: Iterable[Holder]) -> dict[str, int]:
    coming = {one.device_id: one for one in registrations}
    return {
        one.device_id: one.key
        for one in current
        if one.user_id is not None
        and (wanted := coming.get(one.device_id))
        and wanted.token != one.token
        and not wanted.claimant.owns(one.token, one.user_id)
    }


def _with_strangers(
    moved: Iterable[Holder], coming: dict[str, str], users: dict[str, str | None]
) -> list[str]:
    """Return the devices that get a token of somebody else's, whose user they do not inherit."""
    return [
        coming[one.token]
        for one in moved
        if one.user_id is not None and users.get(coming[one.token]) != one.user_id
    ]


def _joined(earlier: Registration, later: Registration) -> Registration:
    unsaid = [name for name in KEPT if getattr(later, name) is None]
    return replace(
        later,
        **{name: getattr(earlier, name) for name in unsaid},
        channels=tuple(dict.fromkeys((*earlier.channels, *later.channels))),
        environment=later.environment or earlier.environment,
        claimant=earlier.claimant,  # the later one finds the token that it brings
    )

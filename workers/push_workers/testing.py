"""Tests of an application to the end, in one process: nothing is sent, and no broker is asked.

    with inline() as provider:
        receipt = push_to_user("42", "Your order is on its way")
        provider.run()
    assert status(receipt.message_id)["runs"][0]["accepted"] == 1
    assert provider.sent[0].payload["aps"]["alert"]["body"] == "Your order is on its way"

The message is written, as always, into the database of the tests, fanned out to the devices that
are registered there, rendered, and given to a provider that only answers. Where a host shares its
database, all of it is part of the transaction that is open, so that it ends with the test.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from push_pipeline import db, queues
from push_pipeline.budgets import Ask, Budgets, Grant, Limits
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import list_apps
from push_pipeline.directory.provider_routes import find_credential, put_credential
from push_pipeline.ledger.values import Standing
from push_pipeline.outcome import ACCEPTED, Outcome, Verdict
from push_pipeline.platform import VENDORS
from push_pipeline.queues import Wake
from push_workers.delivery.broadcast import send_broadcast
from push_workers.delivery.deliver import deliver
from push_workers.delivery.process import Context
from push_workers.fanout import fan_out
from push_workers.senders.base import Broadcaster, OnPause, Rendered, Sender, Target
from push_workers.senders.verdicts import Verdicts

#: Where a credential stands in for an app's own: provider and environment.
_ROUTES: Final = (
    *(("apns", "production"), ("apns", "sandbox"), ("fcm", "")),
    *(("webpush", vendor) for vendor in VENDORS),
)

#: In place of a sealed credential; nothing opens it.
_NO_CREDENTIAL: Final = b"of a test"


@dataclass(frozen=True, slots=True)
class Sent:
    """One notification as its provider would have got it."""

    token: str = field(repr=False)
    platform: str
    payload: Mapping[str, Any]
    headers: Mapping[str, str]


class Provider:
    """Stands in for every provider, and for the workers: `run` does what they would."""

    def __init__(self, answer: Callable[[str], Verdict | Outcome]) -> None:
        self.sent: list[Sent] = []
        self._answer = answer
        self._wakes: deque[Wake] = deque()

    def run(self) -> None:
        """Send what is due, until nothing is left that is; what is delayed stays for later."""
        self._stand_in_for_credentials()
        context = _Context(self)
        while due := self._take_due():
            for wake in due:
                _work(wake, context)

    def send(
        self,
        rendered: Rendered,
        targets: Sequence[Target],
        ids: Sequence[str],  # noqa: ARG002 - a sender's signature
        bodies: Sequence[bytes] | None = None,
        on_pause: OnPause | None = None,  # noqa: ARG002 - as well
    ) -> Verdicts:
        """Keep what is sent, and answer."""
        for target, body in zip(targets, bodies or [rendered.body] * len(targets), strict=True):
            told = target.token, rendered.platform.value, json.loads(body), rendered.headers
            self.sent.append(Sent(*told))
        return Verdicts.of(_verdict(self._answer(target.token)) for target in targets)

    def broadcast(self, headers: Mapping[str, str], body: bytes) -> Verdict:
        """Keep what a broadcast channel is sent, by its id in the token's place, and answer."""
        token = headers["apns-channel-id"]
        self.sent.append(Sent(token, "IOS", json.loads(body), headers))
        return _verdict(self._answer(token))

    def try_out(self) -> None:
        """Answer that all is well."""

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def wake(self, wakes: list[Wake]) -> None:
        """Take wake-ups in the broker's place."""
        self._wakes.extend(wakes)

    def _take_due(self) -> list[Wake]:
        now = datetime.now(UTC)
        waiting = list(self._wakes)
        due = [wake for wake in waiting if wake.at is None or wake.at <= now]
        self._wakes = deque(wake for wake in waiting if wake not in due)
        return due

    @staticmethod
    def _stand_in_for_credentials() -> None:
        now = now_ms()
        with db.writing() as connection:
            for app in list_apps(connection):
                for route in _ROUTES:
                    if find_credential(connection, app.id, *route) is None:
                        put_credential(connection, app.id, *route, _NO_CREDENTIAL, now)


class NoBudgets(Budgets):
    """Lets everything through: nobody is sent to."""

    def take(self, key: str, limits: Limits, ask: Ask) -> Grant:  # noqa: ARG002 - of any
        """Let all of it go."""
        return Grant(ask.wanted, 0.0)

    def cut(self, key: str, limits: Limits) -> float:  # noqa: ARG002
        """Leave all as it is."""
        return limits.rate


class _Context(Context):
    """A worker whose every route leads to one provider."""

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self._provider = provider
        self.budgets = NoBudgets()

    def sender(self, batch: Standing) -> Sender:  # noqa: ARG002 - the same for all
        """Return the provider that stands in."""
        return self._provider

    def broadcaster(self, credential_id: int, version: int) -> Broadcaster:  # noqa: ARG002
        """Return the provider that stands in."""
        return self._provider


@contextmanager
def inline(answer: Callable[[str], Verdict | Outcome] = lambda _: ACCEPTED) -> Iterator[Provider]:
    """Let what is published in the block be sent by `run`, to a provider that stands in.

    Args:
        answer: what it answers for a device's token, as `Outcome.GONE`; it accepts all without.
    """
    provider = Provider(answer)
    queues.hand_wakes_to(provider.wake)
    try:
        yield provider
    finally:
        queues.hand_wakes_to(None)


def _work(wake: Wake, context: Context) -> None:
    match wake.task:
        case queues.FAN_OUT:
            fan_out.fan_out(wake.key, partial(send_broadcast, context=context))
        case queues.START_RUN:
            fan_out.start(wake.key, partial(send_broadcast, context=context))
        case _:
            deliver(wake.key, context)


def _verdict(answered: Verdict | Outcome) -> Verdict:
    return Verdict(answered) if isinstance(answered, Outcome) else answered

"""One sender per credential and process, never shared over a fork."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from push_pipeline.content import Content
from push_pipeline.credentials import ApnsCredential
from push_pipeline.outcome import Outcome
from push_pipeline.platform import Platform
from push_workers.senders.apns.sender import ApnsSender
from push_workers.senders.base import Target
from push_workers.senders.fcm.sender import FcmSender
from push_workers.senders.registry import SenderPool, render_for
from tests.integration.senders_stand import Answer, Stand, stand
from tests.unit.senders.providers import apns_credential, fcm_credential


@pytest.fixture
def apns(tmp_path: Path) -> Iterator[Stand]:
    with stand(tmp_path, lambda _: Answer(200)) as server:
        yield server


@pytest.fixture
def pool(apns: Stand) -> Iterator[SenderPool]:
    made = SenderPool(ca_file=apns.ca_file, timeout=5, connections=1)
    yield made
    made.close_all()


@pytest.fixture
def credential(apns: Stand) -> ApnsCredential:
    return apns_credential(url=apns.url)


def send(pool: SenderPool, credential: ApnsCredential, version: int = 1) -> Outcome:
    content = Content.from_publish("Hello")
    rendered = render_for(Platform.IOS.family)(
        content, Platform.IOS, message_id="m", collapse_id="r", expires_at=None, now=0
    )
    identity = "00000000-0000-0000-0000-000000000001"
    sender = pool.get(7, version, credential)
    return sender.send(rendered, [Target(1, "ab" * 32, "apns")], [identity])[0].outcome


def test_a_credential_has_one_sender_whose_connection_is_kept(
    pool: SenderPool, apns: Stand, credential: ApnsCredential
) -> None:
    assert pool.get(7, 1, credential) is pool.get(7, 1, credential)
    assert [send(pool, credential) for _ in range(3)] == [Outcome.ACCEPTED] * 3
    assert apns.connections == 1


def test_a_new_version_of_a_credential_has_a_new_sender(
    pool: SenderPool, apns: Stand, credential: ApnsCredential
) -> None:
    old = pool.get(7, 1, credential)
    send(pool, credential)
    assert pool.get(7, 2, credential) is not old
    send(pool, credential, version=2)
    assert apns.connections == 2


def test_each_provider_has_its_own_kind_of_sender(pool: SenderPool) -> None:
    assert isinstance(pool.get(1, 1, apns_credential()), ApnsSender)
    assert isinstance(pool.get(2, 1, fcm_credential()), FcmSender)


def test_a_child_opens_its_own_connection_and_leaves_its_parents_alone(
    pool: SenderPool, apns: Stand, credential: ApnsCredential
) -> None:
    send(pool, credential)
    child = os.fork()
    if child == 0:
        accepted = send(pool, credential) is Outcome.ACCEPTED
        pool.close_all()
        os._exit(0 if accepted else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert apns.connections == 2
    assert send(pool, credential) is Outcome.ACCEPTED
    assert apns.connections == 2


def test_the_least_used_sender_makes_room(apns: Stand, credential: ApnsCredential) -> None:
    pool = SenderPool(ca_file=apns.ca_file, timeout=5, connections=1, most_senders=2)
    send(pool, credential)
    pool.get(8, 1, credential)
    send(pool, credential)
    pool.get(9, 1, credential)
    send(pool, credential)
    assert apns.connections == 1
    pool.get(8, 1, credential)
    pool.get(9, 1, credential)
    send(pool, credential)
    pool.close_all()
    assert apns.connections == 2


def test_closing_twice_does_nothing(pool: SenderPool, credential: ApnsCredential) -> None:
    send(pool, credential)
    pool.close_all()
    pool.close_all()


@pytest.mark.parametrize("platform", list(Platform))
def test_every_platform_can_be_rendered(platform: Platform) -> None:
    rendered = render_for(platform.family)(
        Content.from_publish("x"), platform, message_id="m", collapse_id="r", expires_at=9, now=0
    )
    assert rendered.platform is platform
    assert rendered.body.startswith(b"{")

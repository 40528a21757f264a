"""No token, text or key is ever seen in a log, a repr or an error."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from push_pipeline.content import Content
from push_pipeline.credentials import ApnsCredential, FcmCredential
from push_pipeline.platform import Platform
from push_workers.senders.apns.sender import ApnsSender
from push_workers.senders.base import Target
from push_workers.senders.fcm.sender import FcmSender
from push_workers.senders.registry import render_for
from tests.integration.senders_stand import Answer, Request, json_answer, stand
from tests.unit.senders.providers import apns_credential, service_account

DEVICE = "cafe" * 16
TEXT = "canary-text-of-the-message"
ACCESS = "canary-access-token"


def gossip(request: Request) -> Answer:
    """Repeat everything that was told, as a careless proxy's error page would."""
    if request.path == "/token":
        return json_answer(200, {"access_token": ACCESS, "expires_in": 3600})
    told = " ".join((request.path, *request.headers.values(), request.body.decode()))
    return json_answer(400, {"reason": told, "error": {"message": told, "status": told}})


def fcm_credential(url: str) -> FcmCredential:
    account = service_account(token_uri=f"{url}/token")
    return FcmCredential(service_account=account, url=url)


@pytest.mark.parametrize(
    "script", [gossip, lambda _: Answer(0), lambda _: Answer(500, TEXT.encode())]
)
@pytest.mark.parametrize("platform", [Platform.IOS, Platform.ANDROID])
def test_nothing_confidential_is_shown(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    platform: Platform,
    script: Callable[[Request], Answer],
) -> None:
    caplog.set_level(logging.DEBUG)
    content = Content.from_publish(TEXT)
    rendered = render_for(platform.family)(
        content, platform, message_id="m", collapse_id="r", expires_at=None, now=0
    )
    with stand(tmp_path, script) as provider:
        credential: ApnsCredential | FcmCredential
        if platform is Platform.IOS:
            credential = apns_credential(url=provider.url)
            secret = credential.key_pem or ""
            sender: ApnsSender | FcmSender = ApnsSender(
                credential, ca_file=provider.ca_file, timeout=1
            )
        else:
            credential = fcm_credential(provider.url)
            secret = credential.service_account["private_key"]
            sender = FcmSender(credential, ca_file=provider.ca_file, timeout=1)
        target = Target(1, DEVICE, "token")
        verdicts = sender.send(rendered, [target], ["id-1"])
        everything = (content, rendered, target, credential, sender, verdicts, vars(sender))
        shown = repr(everything) + str(everything)
        sender.close()
    printed = capfd.readouterr()
    ours = [record for record in caplog.records if record.threadName == "MainThread"]
    shown += "".join(record.getMessage() for record in ours) + printed.out + printed.err
    bearers = [request.headers.get("authorization", "-" * 9) for request in provider.requests]
    for canary in (DEVICE, TEXT, ACCESS, *bearers, *secret.splitlines()[1:-1]):
        assert canary not in shown

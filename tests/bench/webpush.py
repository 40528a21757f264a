"""Measure Web Push on one core: encryption alone, and all that a push costs up to the network.

The exchange on the curve is the limit, so it is measured beside: what OpenSSL gives on this core.
Processor time is the figure to trust. Run it as `python -m tests.bench.webpush [--json]`.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec

from push_pipeline.credentials import WebPushCredential
from push_pipeline.outcome import Outcome
from push_pipeline.platform import Platform
from push_pipeline.web_push import Subscription
from push_workers.senders.base import Rendered, Target
from push_workers.senders.webpush.encryption import encrypt
from push_workers.senders.webpush.sender import WebPushSender
from tests.integration.senders_stand import Answer, stand
from tests.unit.senders.browser import Browser

BATCH = 500
BODY = b'{"notification":{"title":"Title","body":"' + b"x" * 257 + b'"}}'
_CURVE = ec.SECP256R1()


def rate(work: Callable[[], object], rounds: int) -> float:
    """Pushes a second of processor time: the median of some rounds of a batch."""
    took = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return BATCH / statistics.median(took)


def encryption(rounds: int) -> dict[str, float]:
    """The exchange alone, our encryption, and that of the reference implementation."""
    browsers = [Browser().subscription for _ in range(BATCH)]
    key = ec.generate_private_key(_CURVE)
    points = [ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, b.p256dh) for b in browsers]

    def by_http_ece(to: Subscription) -> bytes:
        fresh = ec.generate_private_key(_CURVE)
        body: bytes = http_ece.encrypt(
            BODY, private_key=fresh, dh=to.p256dh, auth_secret=to.auth, version="aes128gcm"
        )
        return body

    return {
        "exchange alone": rate(lambda: [key.exchange(ec.ECDH(), p) for p in points], rounds),
        "encrypt": rate(lambda: [encrypt(BODY, b.p256dh, b.auth) for b in browsers], rounds),
        "http_ece": rate(lambda: [by_http_ece(one) for one in browsers], rounds),
    }


def sending(rounds: int) -> float:
    """All of it: from a token to a verdict, over TLS and HTTP/2; of our thread alone."""
    credential = WebPushCredential.generate("mailto:push@example.com")
    with (
        tempfile.TemporaryDirectory() as directory,
        stand(Path(directory), lambda _: Answer(201)) as served,
    ):
        sender = WebPushSender(
            credential, hosts=[f"localhost:{served.port}"], ca_file=served.ca_file
        )
        browsers = [Browser(f"{served.url}/wpush/{n}").subscription for n in range(BATCH)]
        targets = [Target(n, one.token, "web") for n, one in enumerate(browsers)]
        rendered = Rendered(BODY, Platform.OSX, {"ttl": "60", "content-encoding": "aes128gcm"})
        ids = [str(n) for n in range(BATCH)]

        def send() -> None:
            verdicts = sender.send(rendered, targets, ids)
            if any(one.outcome is not Outcome.ACCEPTED for one in verdicts):
                raise RuntimeError("not every push was accepted")

        send()
        took = []
        for _ in range(rounds):
            began = time.thread_time()
            send()
            took.append(time.thread_time() - began)
        sender.close()
    return BATCH / statistics.median(took)


def main() -> int:
    """Print a table, or with --json one document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.webpush")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    found = {**encryption(given.rounds), "token to verdict": sending(given.rounds)}
    if given.json:
        print(json.dumps({"per_second_and_core": found}))
        return 0
    print("pushes a second and core (processor time of the sender)")
    for name, value in found.items():
        print(f"  {name:18}{value:>10,.0f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""`python -m push_workers.broadcast_channels`: one call of Apple's channel management API.

A process of its own, since who publishes has no HTTP/2 of its own: the call and the credential come
as JSON by stdin, which nobody else reads, and Apple's answer goes to stdout.
"""

import sys
from typing import Any

import orjson

from push_pipeline.credentials import ApnsCredential
from push_pipeline.errors import BadCredential
from push_pipeline.trust import trust
from push_workers.senders.apns.token import ProviderTokens
from push_workers.senders.http2 import Ended, Transport
from push_workers.senders.tls import showing

#: Seconds that the call may take.
PATIENCE_SECONDS = 10.0


def main() -> int:
    """Make the call that stdin asks for; returns the exit code."""
    try:
        answer = call(orjson.loads(sys.stdin.buffer.read()))
    except BadCredential as error:  # or the authorities' file: who asked is told which
        answer = {"detail": str(error)}
    sys.stdout.write(orjson.dumps(answer).decode() + "\n")
    return 0


def call(asked: dict[str, Any]) -> dict[str, Any]:
    """Make one call and return its status, the channel's id and the body, or why none came."""
    credential = ApnsCredential.from_json(asked["credential"])
    tls = trust(asked["caFile"])
    if credential.certificate_pem:
        showing(tls, credential.certificate_pem)
    headers = [(name.encode(), value.encode()) for name, value in asked["headers"].items()]
    if credential.key_pem:
        token = ProviderTokens(credential).token_for(0)
        headers.append((b"authorization", b"bearer " + token))
    host, port = asked["address"]
    transport = Transport(
        host,
        port,
        tls=tls,
        connections=1,
        timeout=PATIENCE_SECONDS,
        method=asked["method"].encode(),
    )
    body = orjson.dumps(asked["body"]) if asked["body"] is not None else b""
    (ending,) = transport.send_many([asked["path"].encode()], body, headers=lambda _: headers)
    transport.close()
    if ending.kind is not Ended.ANSWER:
        return {"detail": ending.detail}
    return {
        "status": ending.status,
        "channelId": ending.header("apns-channel-id"),
        "body": ending.body.decode("utf-8", "replace"),
    }


if __name__ == "__main__":
    sys.exit(main())

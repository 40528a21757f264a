"""Sends with aioapns to the tokens named on the command line; prints one result per token."""

import asyncio
import json
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

from aioapns import APNs, NotificationRequest
from aioapns.connection import APNsProductionClientProtocol


async def main(info: dict, key: str, tokens: list[str]) -> None:
    class Protocol(APNsProductionClientProtocol):
        APNS_SERVER = "localhost"
        APNS_PORT = urlsplit(info["apns_url"]).port

    client = APNs(
        key=key,
        key_id=info["key_id"],
        team_id=info["team_id"],
        topic=info["topic"],
        ssl_context=ssl.create_default_context(cafile=info["ca_file"]),
    )
    client.pool.protocol_class = Protocol
    requests = [
        NotificationRequest(device_token=token, message={"aps": {"alert": "hi"}})
        for token in tokens
    ]
    results = await asyncio.gather(*map(client.send_notification, requests))
    rows = [[int(r.status), r.description, r.notification_id] for r in results]
    print(json.dumps(rows))
    client.pool.close()


simulator = json.loads(sys.argv[1])
asyncio.run(main(simulator, Path(simulator["key_file"]).read_text(), sys.argv[2:]))

"""Sends with aioapns as its README does: all at once, over the connections that it opens."""

import asyncio
import sys
import uuid
from pathlib import Path

from aioapns import APNs, NotificationRequest
from aioapns.connection import APNsTLSClientProtocol
from turns import BODY, TITLE, Turn, apns_tokens, stand

KEY = Path(stand["key_file"]).read_text()


class Protocol(APNsTLSClientProtocol):
    APNS_SERVER = stand["host"]
    APNS_PORT = stand["port"]


async def send(client: APNs, count: int) -> int:
    message = {"aps": {"alert": {"title": TITLE, "body": BODY}}}
    results = await asyncio.gather(
        *(
            client.send_notification(
                NotificationRequest(
                    device_token=token, message=message, notification_id=str(uuid.uuid4())
                )
            )
            for token in apns_tokens(count)
        )
    )
    return sum(result.is_successful for result in results)


async def main() -> None:
    client = APNs(
        key=KEY,
        key_id="BENCHKEY01",
        team_id="BENCHTEAM1",
        topic="com.example.app",
    )
    client.pool.protocol_class = Protocol
    # The loop goes on between turns: the client closes connections that nobody uses.
    wait = asyncio.get_running_loop().run_in_executor
    while line := await wait(None, sys.stdin.readline):
        with Turn() as turn:
            turn.accepted = await send(client, int(line))


asyncio.run(main())

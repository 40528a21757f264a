"""A real Firefox judges what we encrypt, and what a whole pipeline sends to it.

`python -m tests.firefox_push PATH_TO_FIREFOX`

It is pointed at a push service of this process, which speaks what Firefox needs of Mozilla's
WebSocket protocol. A service worker subscribes by itself and tells what it was given. Nothing
else of the machine is needed: no display, no network.
"""

import asyncio
import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import websockets
from sqlalchemy import select

from push_pipeline import db, default_app, migrations, publish, register_device, status
from push_pipeline.content import Content
from push_pipeline.credentials import WebPushCredential
from push_pipeline.models import BATCH, RUN
from push_pipeline.platform import Platform
from push_pipeline.settings import get_settings, reset_settings
from push_pipeline.web_push import read_subscription
from push_workers.delivery.deliver import deliver
from push_workers.delivery.process import Context
from push_workers.fanout.fan_out import fan_out
from push_workers.senders.webpush.encryption import PLAIN_BYTES, encrypt
from push_workers.senders.webpush.payload import render
from tests.integration.senders_stand import Answer, Request, Stand, stand

CREDENTIAL = WebPushCredential.generate("mailto:push@example.com")

#: How Firefox's acknowledgements are numbered.
SHOWN, NOT_DECRYPTED = 100, 101

PATIENCE_SECONDS = 60

PAGE = """<!doctype html><script>
(async () => {
  const it = await navigator.serviceWorker.register('/worker.js')
  await navigator.serviceWorker.ready
  // a subscription before its push service has said hello is lost for ever
  while ((await fetch('/hello')).status != 200) await new Promise(then => setTimeout(then, 200))
  it.active.postMessage('KEY')
})()
</script>"""

# The worker subscribes: of a page Firefox would ask for a click.
WORKER = """
const tell = (path, what) => fetch(path, {method: 'POST', body: JSON.stringify(what)})
const bytes = text => Uint8Array.from(
  atob(text.replace(/-/g, '+').replace(/_/g, '/') + '='), c => c.charCodeAt(0))
self.addEventListener('message', event => event.waitUntil((async () => {
  const to = {userVisibleOnly: true, applicationServerKey: bytes(event.data)}
  const made = await self.registration.pushManager.subscribe(to)
  await tell('/subscribed', made.toJSON())
})()))
self.addEventListener('push', event => event.waitUntil((async () => {
  const said = event.data.json()
  await self.registration.showNotification(said.notification.title, said.notification)
  await tell('/got', said)
})()))
"""

PREFERENCES: dict[str, object] = {
    "alerts.useSystemBackend": False,
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.preonboarding.enabled": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.push.alwaysConnect": True,
    "dom.push.testing.allowInsecureServerURL": True,
    "dom.push.testing.ignorePermission": True,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "permissions.default.desktop-notification": 1,
    "termsofuse.bypassNotification": True,
}


class PushService:
    """Mozilla's side of the connection to one browser, on a thread of its own."""

    def __init__(self, url: str) -> None:
        self.url = url  # where it is posted to
        self.greeted, self.subscribed = threading.Event(), threading.Event()
        self.subscription: dict[str, Any] = {}
        self.got: list[dict[str, Any]] = []
        self.acknowledged: list[int] = []
        self.pages = ThreadingHTTPServer(("127.0.0.1", 0), self._pages())
        self.http = self.pages.server_port
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        threading.Thread(target=self.pages.serve_forever, daemon=True).start()
        talking = threading.Thread(target=self._loop.run_until_complete, args=[self._serve()])
        talking.daemon = True
        talking.start()
        self._listening.wait(PATIENCE_SECONDS)

    def push(self, body: bytes) -> None:
        """Hand a body to the browser, as if it had been posted to its endpoint."""
        note = {
            "messageType": "notification",
            "channelID": self._channel,
            "version": uuid.uuid4().hex,
            "ttl": 60,
            "headers": {"encoding": "aes128gcm"},
            "data": base64.urlsafe_b64encode(body).rstrip(b"=").decode(),
        }
        sent = self._browser.send(json.dumps(note))
        asyncio.run_coroutine_threadsafe(sent, self._loop).result(PATIENCE_SECONDS)

    async def _serve(self) -> None:
        async with websockets.serve(
            self._talk, "127.0.0.1", 0, subprotocols=["push-notification"]
        ) as server:
            self.port = server.sockets[0].getsockname()[1]
            self._listening.set()
            await asyncio.Future()

    async def _talk(self, browser: Any) -> None:
        self._browser = browser
        with contextlib.suppress(websockets.ConnectionClosed):
            async for raw in browser:
                answer = self._answer(json.loads(raw or "{}"))
                if answer is not None:
                    await browser.send(json.dumps(answer))

    def _answer(self, said: dict[str, Any]) -> dict[str, Any] | None:
        kind = said.get("messageType")
        if kind == "hello":
            self.greeted.set()
            ours = {"status": 200, "use_webpush": True, "broadcasts": {}}
            return {"messageType": kind, "uaid": uuid.uuid4().hex, **ours}
        if kind == "register":
            self._channel = said["channelID"]
            endpoint = f"{self.url}/wpush/v2/{self._channel}"
            return {**said, "status": 200, "pushEndpoint": endpoint}
        if kind == "ack":
            self.acknowledged += [one["code"] for one in said["updates"]]
        return {} if kind is None else None

    def _pages(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Pages(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                if self.path == "/worker.js":
                    self._reply(200, WORKER, "text/javascript")
                elif self.path == "/hello":
                    self._reply(200 if service.greeted.is_set() else 404)
                else:
                    self._reply(200, PAGE.replace("KEY", CREDENTIAL.public_key), "text/html")

            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if self.path == "/subscribed":
                    service.subscription = told
                    service.subscribed.set()
                else:
                    service.got.append(told)
                self._reply(204)

            def _reply(self, status: int, text: str = "", kind: str = "text/plain") -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

        return Pages


@contextlib.contextmanager
def firefox(path: str, service: PushService):
    """Run Firefox with a profile of its own until the block ends."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        wanted = {**PREFERENCES, "dom.push.serverURL": f"ws://127.0.0.1:{service.port}/"}
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in wanted.items()]
        Path(profile, "user.js").write_text("\n".join(lines))
        page = f"http://127.0.0.1:{service.http}/"
        running = subprocess.Popen(
            [path, "--headless", "--no-remote", "--profile", profile, page],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(running.pid, signal.SIGTERM)
            running.wait(PATIENCE_SECONDS)


def document(text: str) -> bytes:
    """What a push would send: as long as it may be where the text is empty."""
    content = Content.from_publish(text, {"web-title": "Order 7", "web-tag": "order"})
    said = {"message_id": "M1", "collapse_id": "R1", "expires_at": None, "now": time.time()}
    body = render(content, Platform.WEB, **said).body
    return body if text else document("x" * (PLAIN_BYTES - len(document("x")) + 1))


def through_the_pipeline(subscription: dict[str, Any], served: Stand, folder: Path) -> int:
    """Register, publish, fan out and deliver; return how many the ledger says were accepted."""
    given = {
        "database_url": f"sqlite:///{folder / 'pipeline.db'}",
        "broker_url": "redis://127.0.0.1:1/0",  # nobody is to be woken: we do the work
        "app_id": "firefox",
        "secret_key": uuid.uuid4().hex,
        "ca_file": served.ca_file,
        "webpush_key_pem": CREDENTIAL.key_pem,
        "webpush_subject": CREDENTIAL.subject,
        "webpush_hosts": f"localhost:{served.port}",
    }
    os.environ.update({f"PIPELINE_{name.upper()}": value for name, value in given.items()})
    reset_settings()
    migrations.upgrade(db.engine())
    default_app.sync(get_settings())
    register_device("page", subscription, "WEB")
    headers = {"web-title": "Order 8", "web-link": "https://example.com/8"}
    message_id = publish("default", "Through the pipeline", {"headers": headers}).message_id
    with db.reading() as connection:
        run_id = connection.scalars(select(RUN.id)).one()
    fan_out(run_id)
    with db.reading() as connection:
        batch_ids = list(connection.scalars(select(BATCH.id)))
    context = Context()
    for batch_id in batch_ids:
        deliver(batch_id, context)
    context.close()
    accepted: int = status(message_id)["runs"][0]["accepted"]
    return accepted


def main() -> int:
    """Let it open what it can and not what it cannot, and say what it made of them."""
    with tempfile.TemporaryDirectory() as name:
        services: list[PushService] = []

        def take(request: Request) -> Answer:
            services[0].push(request.body)
            return Answer(201)

        with stand(Path(name), take) as served:
            services.append(PushService(served.url))
            return judge(services[0], served, Path(name))


def judge(service: PushService, served: Stand, folder: Path) -> int:
    """Send two that it can open, one that it cannot, and one through a whole pipeline."""
    with firefox(sys.argv[1], service):
        if not service.subscribed.wait(PATIENCE_SECONDS):
            print("Firefox did not subscribe")
            return 1
        keys = read_subscription(service.subscription, [f"localhost:{served.port}"])
        print("subscribed at", keys.origin)
        for plain, secret in (
            (document("It is on its way"), keys.auth),
            (document(""), keys.auth),
            (document("never shown"), b"0" * 16),
        ):
            service.push(encrypt(plain, keys.p256dh, secret))
        accepted = through_the_pipeline(service.subscription, served, folder)
        until = time.monotonic() + PATIENCE_SECONDS
        while len(service.acknowledged) + len(service.got) < 7 and time.monotonic() < until:
            threading.Event().wait(0.1)
    notes = [one["notification"] for one in service.got]
    shown = [(one["title"], len(one["body"])) for one in notes]
    print("shown:", shown, "acknowledged:", service.acknowledged, "in the ledger:", accepted)
    sound = sorted(service.acknowledged) == [SHOWN, SHOWN, SHOWN, NOT_DECRYPTED]
    sound = sound and accepted == 1 and notes[-1]["body"] == "Through the pipeline"
    print("Firefox opened what it should" if sound else "that is not what it should be")
    return 0 if sound else 1


if __name__ == "__main__":
    raise SystemExit(main())

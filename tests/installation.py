"""An app with credentials of a simulator and registered devices, driven without a broker.

Integration tests call the fan-out and the deliveries themselves, in the order they want;
acceptance and fault tests start real workers instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from sqlalchemy import select, update

from push_pipeline import db, publish, status
from push_pipeline.clock import now_ms
from push_pipeline.credentials import ApnsCredential, FcmCredential, WebPushCredential, seal
from push_pipeline.devices.register import register_devices
from push_pipeline.devices.registration import check_registration
from push_pipeline.directory.apps import ensure_app
from push_pipeline.ledger.new_credential import change_credential, change_push_key
from push_pipeline.ledger.runs import RunView
from push_pipeline.ledger.views import PARTS, RunLedger
from push_pipeline.models import BATCH, DEVICE, RUN, Batch, Run
from push_pipeline.settings import get_settings
from push_workers.delivery.broadcast import send_broadcast
from push_workers.delivery.deliver import deliver
from push_workers.delivery.process import Context
from push_workers.fanout.fan_out import fan_out
from push_workers.simulator import SimulatorClient
from push_workers.simulator.webpush.browser import subscription

APP = "APP-1"

#: What browsers of the tests subscribe with.
PUSH_KEY = WebPushCredential.generate("mailto:push@example.com")


@lru_cache(maxsize=1)
def _service_account(file: Path, url: str) -> FcmCredential:
    return FcmCredential.from_service_account_file(file, url=url)


@dataclass
class Installation:
    """One app. `context` is the one worker that there is."""

    simulator: SimulatorClient
    context: Context = field(default_factory=Context)
    app_id: str = APP

    def __post_init__(self) -> None:
        with db.writing() as connection:
            ensure_app(connection, self.app_id, "The tests' app", now_ms())
        self.put_credentials(app_id=self.app_id)

    def put_credentials(
        self,
        *,
        topic: str | None = None,
        environment: str = "production",
        apns_url: str | None = None,
        app_id: str = APP,
    ) -> None:
        """Store both providers' credentials; a wrong topic, environment or address on request."""
        sim = self.simulator
        apns = ApnsCredential.from_key_file(
            sim.key_file,
            key_id=sim.key_id,
            team_id=sim.team_id,
            topic=topic or sim.topic,
            environment=environment,
            url=apns_url or sim.apns_url,
        )
        fcm = _service_account(sim.service_account_file, sim.fcm_url)
        secret = get_settings().secret_key
        assert secret is not None
        with db.writing() as connection:
            for provider, where, credential in (("apns", environment, apns), ("fcm", "", fcm)):
                sealed = seal(secret.get_secret_value(), credential)
                change_credential(connection, app_id, provider, where, sealed, now_ms())
            sealed = seal(secret.get_secret_value(), PUSH_KEY)
            change_push_key(connection, app_id, sealed, now_ms())

    def register(
        self, tokens: Sequence[str], os: str = "IOS", channel: str = "news", **fields: object
    ) -> list[str]:
        """Register a device for each token; return their device ids."""
        now = now_ms()
        ids = [f"{os}-{token[:64]}" for token in tokens]
        registrations = [
            check_registration(
                {"deviceId": i, "deviceToken": t, "os": os, "channels": [channel], **fields}, now
            )
            for i, t in zip(ids, tokens, strict=True)
        ]
        with db.writing() as connection:
            register_devices(connection, APP, registrations, now, alive=True)
        return ids

    def register_browsers(
        self, names: Sequence[str], vendor: str = "google", channel: str = "news"
    ) -> list[str]:
        """Register browsers that a vendor of the simulator knows; return their device ids."""
        now, hosts = now_ms(), get_settings().push_services
        told = [subscription(self.simulator.webpush_url, vendor, name) for name in names]
        wanted = [
            check_registration(
                {"deviceId": name, "deviceToken": one, "os": "WEB", "channels": [channel]},
                now,
                hosts,
            )
            for name, one in zip(names, told, strict=True)
        ]
        with db.writing() as connection:
            register_devices(connection, self.app_id, wanted, now, alive=True)
        return list(names)

    def publish(self, message: object = "Dinner is ready", **options: object) -> str:
        """Publish to the channel `news` and return the message id."""
        return publish("news", message, delivery_options=options).message_id

    def work(self, message_id: str) -> RunLedger:
        """Do what workers would until nothing of the message is due; return its one run."""
        run_id = self.run_id(message_id)
        while fan_out(run_id, self.broadcast):
            pass  # it was not its turn any more
        while due := self.due_batches(message_id):
            for batch_id in due:
                deliver(batch_id, self.context)
        return self.run(message_id)

    def broadcast(self, run: RunView) -> bool:
        """Send a run's one request to a broadcast channel."""
        return send_broadcast(run, self.context) and False

    def run(self, message_id: str) -> RunLedger:
        """Return the run as the ledger shows it, after checking that it balances."""
        run = status(message_id)["runs"][0]
        assert run["audience"] == sum(run[name] for name in PARTS), run
        return run

    def run_id(self, message_id: str) -> int:
        with db.reading() as connection:
            return connection.execute(
                select(RUN.id).where(RUN.message_id == message_id)
            ).scalar_one()

    def due_batches(self, message_id: str) -> list[int]:
        """Return the open batches of a message that may be sent now."""
        now = now_ms()
        with db.reading() as connection:
            found = connection.execute(
                select(BATCH.id)
                .join(Run, RUN.id == BATCH.run_id)
                .where(
                    RUN.message_id == message_id,
                    BATCH.finished_at.is_(None),
                    BATCH.not_before <= now,
                    BATCH.lease_until.is_(None) | (BATCH.lease_until < now),
                    RUN.state != "paused",
                )
                .order_by(BATCH.id)
            )
            return list(found.scalars())

    def hurry(self) -> None:
        """Make every waiting batch due, as if its wait were over, and open every route."""
        with db.writing() as connection:
            connection.execute(update(Batch).values(not_before=0, lease_until=None))

    def device_states(self) -> dict[str, tuple[str, str | None]]:
        """Return (state, reason) by token."""
        with db.reading() as connection:
            rows = connection.execute(select(DEVICE.token, DEVICE.state, DEVICE.state_reason))
            return {token: (state, reason) for token, state, reason in rows}

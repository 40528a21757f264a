"""Sends with django-push-notifications as its README does: `send_message` of a query of devices.

Its devices are in SQLite's memory. The second argument says whose they are: apns or fcm.
"""

import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import aioapns.connection
import django
import firebase_admin
from django.conf import settings
from django.core.management import call_command
from django.db.models import QuerySet
from firebase_admin import credentials, messaging
from turns import BODY, apns_tokens, fcm_tokens, serve, stand

#: Devices that it knows; no more are asked for.
KNOWN = 20_000

#: Devices of a call: it takes an answer that is later than a second for none.
AT_ONCE = 250

aioapns.connection.APNsProductionClientProtocol.APNS_SERVER = stand["host"]
aioapns.connection.APNsProductionClientProtocol.APNS_PORT = stand["port"]
messaging._MessagingService.FCM_URL = stand["url"] + "/v1/projects/{0}/messages:send"
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "push_notifications",
    ],
    PUSH_NOTIFICATIONS_SETTINGS={
        # its name notwithstanding, aioapns is given this as the key
        "APNS_AUTH_KEY_PATH": Path(stand["key_file"]).read_text(),
        "APNS_AUTH_KEY_ID": "BENCHKEY01",
        "APNS_TEAM_ID": "BENCHTEAM1",
        "APNS_TOPIC": "com.example.app",
    },
    USE_TZ=True,
)
django.setup()
firebase_admin.initialize_app(credentials.Certificate(stand["service_account_file"]))
call_command("migrate", verbosity=0)

from push_notifications.exceptions import APNSError  # noqa: E402 - Django is ready now
from push_notifications.models import APNSDevice, GCMDevice  # noqa: E402


def accepted(devices: QuerySet, count: int) -> int:
    """Send to the first so many, a call for each chunk of them, as a task of a worker would."""
    found = 0
    for start in range(0, count, AT_ONCE):
        some = devices.filter(id__gt=start, id__lte=min(count, start + AT_ONCE))
        with suppress(APNSError):  # one was not accepted: what became of the others is not told
            found += accepted_of(some.send_message(BODY))
    return found


def accepted_of(told: list[dict[str, str]] | messaging.BatchResponse) -> int:
    """Of APNs it tells words by token, of FCM the answer of a call."""
    if isinstance(told, messaging.BatchResponse):
        return told.success_count
    return sum(word == "Success" for one in told for word in one.values())


if sys.argv[2] == "apns":
    APNSDevice.objects.bulk_create(
        APNSDevice(registration_id=token) for token in apns_tokens(KNOWN)
    )
    serve(partial(accepted, APNSDevice.objects.all()))
else:
    GCMDevice.objects.bulk_create(
        GCMDevice(registration_id=token, cloud_message_type="FCM") for token in fcm_tokens(KNOWN)
    )
    serve(partial(accepted, GCMDevice.objects.all()))

"""A Django project that had two other packages for push: their tables, and our import of them.

Run with the database as JSON; prints what each import said, as JSON.
"""

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from uuid import UUID

import django
from django.conf import settings
from django.core.management import CommandError, call_command

APNS = "0badc0ffee" * 6 + "a{:03d}"
# The keys of RFC 8291's example, as that package's guide has a page write them: by `btoa`.
P256DH = "BCVxsr7N/eNgVRqvHtD0zTZsEc6+VV+JvLexhqUzORcxaOzi6+AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4="
AUTH = "BTBZMqHH6r4Tts7J/aSIgg=="
FCM_HOST = "https://fcm.googleapis.com"
FCM = "cXy_1A2B3C4D5E6F7G8H9I:APA91bF-made_up_{:030d}"

settings.configure(
    DATABASES={"default": json.loads(os.environ["SHOP_DATABASE"])},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "push_notifications",
        "fcm_django",
        "push_pipeline.contrib.django",
    ],
    # Their tables as their models are now, without all that they were before.
    MIGRATION_MODULES=dict.fromkeys(("auth", "contenttypes", "push_notifications", "fcm_django")),
    PUSH_NOTIFICATIONS_SETTINGS={},
    PUSH_PIPELINE={"APP_ID": "shop", "BROKER_URL": "redis://127.0.0.1:1/0", "SECRET_KEY": "x" * 32},
    USE_TZ=True,
)
django.setup()


def fill() -> None:
    from django.contrib.auth.models import User
    from fcm_django.models import FCMDevice
    from push_notifications.models import APNSDevice, GCMDevice, WebPushDevice, WNSDevice

    anna = User.objects.create(username="anna")
    vendor = UUID("8d0f2b6c-1c5e-4a7f-9b3d-2e1f0a9c8b7d")
    for more in (
        {"registration_id": APNS.format(1), "device_id": vendor, "user": anna},
        {"registration_id": APNS.format(2), "application_id": "ipad"},
        {"registration_id": APNS.format(3), "active": False},
        {"registration_id": "no hexadecimal"},
    ):
        APNSDevice.objects.create(**{"application_id": "ios", **more})
    GCMDevice.objects.create(registration_id=FCM.format(1), device_id="0xfffffffffffffffe")
    GCMDevice.objects.create(registration_id=FCM.format(2), cloud_message_type="GCM")
    browser = {"registration_id": f"{FCM_HOST}/fcm/send/1", "p256dh": P256DH, "auth": AUTH}
    for more in (
        {"user": anna, "application_id": "ios"},
        {"registration_id": "gAAAAold", "browser": "FIREFOX"},
        {"registration_id": f"{FCM_HOST}/fcm/send/2", "active": False},
        {"registration_id": f"{FCM_HOST}/fcm/send/3", "p256dh": "no point"},
        {"registration_id": "https://push.example/4"},
        {"registration_id": "5", "browser": "NETSCAPE"},
    ):
        WebPushDevice.objects.create(**{**browser, **more})
    WNSDevice.objects.create(registration_id="https://wns.example/1")
    for number, kind in enumerate(["ios", "android", "web"], 10):
        FCMDevice.objects.create(
            registration_id=FCM.format(number), type=kind, user=anna, device_id=f"own-{kind}"
        )


def push(*words: str) -> dict[str, object]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            call_command("push", *words)
        except CommandError as error:
            err.write(str(error))
    return {"out": out.getvalue(), "err": err.getvalue()}


call_command("migrate", run_syncdb=True, verbosity=0)
fill()
told = ("devices", "import", "--json", "--from")
former, fcm = (*told, "django-push-notifications"), (*told, "fcm-django")
json.dump(
    {
        "dry": push(*former, "--dry-run"),
        "first": push(*former, "--channel", "all"),
        "again": push(*former),
        "fcm": push(*fcm),
        "by_url": push(*fcm, "--database", os.environ["SHOP_URL"]),
        "devices": push("devices", "list", "--json"),
    },
    sys.stdout,
)

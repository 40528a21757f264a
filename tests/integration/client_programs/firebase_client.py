"""Sends with firebase-admin to the tokens named on the command line; prints one result each."""

import json
import sys

import firebase_admin
from firebase_admin import credentials, messaging

info = json.loads(sys.argv[1])
service = messaging._MessagingService
service.FCM_URL = info["fcm_url"] + "/v1/projects/{0}/messages:send"
firebase_admin.initialize_app(credentials.Certificate(info["service_account_file"]))

messages = [
    messaging.Message(
        token=token,
        notification=messaging.Notification(title="hi", body="there"),
        data={"mid": f"m{n}"},
        android=messaging.AndroidConfig(
            ttl=3600, priority="high", notification=messaging.AndroidNotification(tag="t")
        ),
        apns=messaging.APNSConfig(
            headers={"apns-priority": "10"},
            payload=messaging.APNSPayload(messaging.Aps(badge=1, sound="default")),
        ),
        webpush=messaging.WebpushConfig(headers={"TTL": "60"}),
    )
    for n, token in enumerate(sys.argv[2:])
]
batch = messaging.send_each(messages)
print(json.dumps([r.message_id or type(r.exception).__name__ for r in batch.responses]))

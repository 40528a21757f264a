"""Sends with firebase-admin as its documentation does: `send_each`, five hundred at a time."""

import firebase_admin
from firebase_admin import credentials, messaging
from turns import BODY, TITLE, fcm_tokens, serve, stand

#: Most messages of a call.
MOST = 500

messaging._MessagingService.FCM_URL = stand["url"] + "/v1/projects/{0}/messages:send"
firebase_admin.initialize_app(credentials.Certificate(stand["service_account_file"]))


def send(count: int) -> int:
    tokens = fcm_tokens(count)
    accepted = 0
    for start in range(0, count, MOST):
        messages = [
            messaging.Message(
                token=token, notification=messaging.Notification(title=TITLE, body=BODY)
            )
            for token in tokens[start : start + MOST]
        ]
        accepted += messaging.send_each(messages).success_count
    return accepted


serve(send)

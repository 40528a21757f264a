"""Sends with pyfcm as its README does to many devices: `async_notify_multiple_devices`."""

from pyfcm import FCMNotification
from turns import BODY, TITLE, fcm_tokens, serve, stand

#: Messages of a call: each of them opens a connection.
AT_ONCE = 100

FCMNotification.FCM_END_POINT_BASE = stand["url"] + "/v1/projects"
client = FCMNotification(service_account_file=stand["service_account_file"], project_id="bench")


def send(count: int) -> int:
    tokens = fcm_tokens(count)
    accepted = 0
    for start in range(0, count, AT_ONCE):
        wanted = [
            {"fcm_token": token, "notification_title": TITLE, "notification_body": BODY}
            for token in tokens[start : start + AT_ONCE]
        ]
        results = client.async_notify_multiple_devices(params_list=wanted, timeout=60)
        accepted += sum("name" in result for result in results)
    return accepted


serve(send)

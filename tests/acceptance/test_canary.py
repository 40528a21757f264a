"""No token, text or key is in a log, a task message, a count or the command line's output.

Canaries of each kind go through the whole pipeline, with every process as talkative as it gets.
"""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import jwt
import pytest
import redis
from sqlalchemy import text

from push_pipeline import db, queues
from push_pipeline.settings import Settings
from tests.audience import android, ios
from tests.integration.gateway_stand import Client
from tests.processes import Process, cli, run_cli, wait_until
from tests.running import Stand

TOKEN = "ca9aca9a"
TEXT = "canary-of-the-text"
TITLE = "canary-of-the-title"
API_KEY = "canary-of-the-api-key-0123456789"
SECRET_KEY = "canary-of-the-secret-key-0123456789"
OLD_SECRET_KEY = "canary-of-the-old-secret-key-0123456789"
OPERATOR_KEY = "canary-of-the-operator-key-0123456789"
WRONG_KEY = "canary-of-a-wrong-key-0123456789"
SIGNING_KEY = "canary-of-the-signing-key-0123456789"

#: What must not be seen; the last three are in every authorisation, signed token and private
#: key. `eyJhbGciOi` is `{"alg":` in base64, with which a token's header begins.
SECRETS = (
    *(TOKEN, TEXT, TITLE, API_KEY, SECRET_KEY, OLD_SECRET_KEY, OPERATOR_KEY, WRONG_KEY),
    *(SIGNING_KEY, "bearer ", "eyJhbGciOi", "PRIVATE KEY"),
)

#: One connection breaks while others' answers are due; then that token gets through.
CUT_ONCE = {"match": {"prefix": "c1de", "nth": [1]}, "action": {"cut": "processed"}}

_BODY = re.compile(r'"body": "([A-Za-z0-9+/=]+)"')

_LAST_COMMAND = "that was all"


@contextmanager
def overhear(stand: Stand) -> Iterator[list[str]]:
    """Collect every command that the broker is given, with the bodies of messages decoded."""
    heard: list[str] = []
    client = redis.Redis.from_url(stand.broker.url(), socket_timeout=None)  # as long as it takes
    with client, client.monitor() as monitor:

        def listen() -> None:
            for command in monitor.listen():
                words = command["command"]
                heard.append(words)
                heard.extend(base64.b64decode(body).decode() for body in _BODY.findall(words))
                if _LAST_COMMAND in words:
                    return

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            yield heard
        finally:
            client.echo(_LAST_COMMAND)
            listener.join()


def put_unreadable(stand: Stand) -> None:
    """Put a message on a queue that nobody can read, with canaries in it."""
    with redis.Redis.from_url(stand.broker.url()) as client:
        client.lpush("push:apns", f"unreadable {TOKEN} {TEXT}")


def secrets_in(*texts: str) -> set[str]:
    return {secret for secret in SECRETS if any(secret in one for one in texts)}


def test_no_canary_is_in_logs_task_messages_or_output(
    open_stand: Callable[..., Stand], postgresql_url: str, tmp_path: Path
) -> None:
    stand = open_stand(postgresql_url, secret_key=SECRET_KEY, api_key=API_KEY, max_attempts=3)
    run_cli("migrate")
    stand.simulator.rules([CUT_ONCE])
    troubles = [ios(1, prefix + TOKEN)[0] for prefix in ("dead", "bad0", "0429", "0503", "c1de")]
    stand.subscribe([*ios(100, TOKEN), *troubles, "no/token/" + TOKEN], android(20, TOKEN))

    with overhear(stand) as commands:
        beat = stand.start_beat(level="debug")
        worker = stand.start_worker(level="debug")
        published = run_cli(
            "publish", "news", TEXT, "--header", f"ios-alert-title={TITLE}", "--json"
        )
        assert published.returncode == 0, published.stderr
        message_id = json.loads(published.stdout)["messageId"]
        run = stand.finish(message_id)
    put_unreadable(stand)
    wait_until(lambda: "kept as a dead letter" in worker.output, 20, "the message set aside")
    shown = [run_cli(*words) for words in (
        ("status", message_id), ("status", message_id, "--json"), ("export", message_id),
        ("doctor",), ("app", "list"),
    )]  # fmt: skip
    worker.stop()
    beat.stop()

    assert (run["audience"], run["accepted"]) == (126, 121)
    assert any(queues.DELIVER["apns"] in command for command in commands)
    assert any(command.startswith("[[") for command in commands)  # bodies were decoded
    assert secrets_in(*commands) == set()
    assert secrets_in(worker.output, beat.output) == set()
    counted = [
        path.read_bytes().decode(errors="replace") for path in (tmp_path / "metrics").rglob("*.db")
    ]
    assert any("push_pipeline_deliveries_total" in one for one in counted)
    assert secrets_in(*counted) == set()
    outputs = [one.stdout + one.stderr for one in [published, *shown]]
    assert secrets_in(*outputs) == set()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_no_canary_is_in_what_a_gateway_and_the_commands_about_keys_say(
    settings: Settings, configure: Callable[..., Settings], spawn: Callable[..., Process], tmp_path
) -> None:
    configure(
        app_id="shop",
        api_key=API_KEY,
        operator_key=OPERATOR_KEY,
        secret_key=f"{SECRET_KEY},{OLD_SECRET_KEY}",
    )
    (tmp_path / "signing").write_text(SIGNING_KEY)
    outputs = [
        run_cli(*words, env=env)
        for words, env in (
            (("migrate",), {}),
            (
                ("app", "auth", "tokens", "shop", "--key-file", "signing"),
                {"PIPELINE_SECRET_KEY": OLD_SECRET_KEY},
            ),
            (("doctor", "--security"), {}),
            (("keys", "rotate", "--json"), {}),
            (("keys", "rotate"), {"PIPELINE_SECRET_KEY": WRONG_KEY}),
            (("app", "auth", "show", "shop", "--json"), {}),
        )
    ]
    assert [one.returncode for one in outputs] == [0, 0, 0, 0, 1, 0]
    gateway = spawn(*cli("gateway", "--port", "0"))
    port = int(gateway.wait_for("Application startup complete").split("http://127.0.0.1:")[1][:5])
    api = Client(port, f"/shop/{API_KEY}")
    user = jwt.encode({"sub": "u", "exp": time.time() + 60}, SIGNING_KEY, "HS256")
    assert api.register("d", deviceToken=TOKEN, device_token=TOKEN).status == 200
    body = {"deviceId": "d", "deviceToken": TOKEN * 2, "os": "IOS"}
    asked = api("POST", "/messaging/registrations", body, device_token=TOKEN, user_token=user)
    assert asked.status == 200
    answers = [
        api.publish("news", TEXT, headers={"ios-alert-title": TITLE}, pushBroadcast=TEXT),
        api.publish("news", TEXT, headers={"ios-alert-title": TITLE}),
        api("GET", "/info", user_token=f"{user}x"),
        api("GET", "/nothing"),
        api("GET", "/info", prefix=f"/shop/{WRONG_KEY}"),
        api("GET", "/metrics", prefix="", authorization=f"Bearer {OPERATOR_KEY}"),
        api("GET", "/readyz", prefix="", authorization=f"Bearer {WRONG_KEY}"),
        api("GET", "/healthz", prefix=f"/{WRONG_KEY}"),
        api("POST", "/messaging/registrations", {**body, "os": TEXT}),
    ]
    assert {answer.status for answer in answers} >= {200, 400, 401, 404}
    gateway.stop()

    assert "/messaging/registrations" in gateway.output
    assert secrets_in(gateway.output) == set()
    assert secrets_in(*(one.stdout + one.stderr for one in outputs)) == set()
    told = [answer for answer in answers if answer is not answers[-1]]
    assert secrets_in(*(answer.raw.decode() for answer in told)) == set()


@pytest.mark.parametrize("statement", ["SELECT :token FROM no_table", "SELECT no_column, :token"])
def test_a_database_error_does_not_say_which_token_it_was_about(
    database_url: str, configure: Callable[..., object], statement: str
) -> None:
    configure(database_url=database_url)

    with pytest.raises(Exception) as caught, db.writing() as connection:  # noqa: PT011 - any
        connection.execute(text(statement), {"token": TOKEN})

    chain = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert secrets_in(*map(str, chain)) == set()

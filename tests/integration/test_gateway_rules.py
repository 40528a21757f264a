"""`app auth`: the rules of an app as an operator makes them, and what a gateway does with them."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from push_pipeline.settings import Settings
from tests.databases import SqliteFile
from tests.in_process import run_cli
from tests.integration.gateway_stand import APP, Client, make_app, running_gateway

pytestmark = pytest.mark.usefixtures("nobody_answers")

KEYS = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture(autouse=True)
def _app(settings: Settings, configure: Callable[..., Settings]) -> None:
    configure(app_id=APP)
    make_app()


@pytest.fixture
def start() -> Iterator[Callable[[], Client]]:
    """Start a gateway when the rules are made: it looks at them every few seconds only."""
    running = running_gateway()
    yield running.__enter__
    running.__exit__(None, None, None)


def auth(*words: str, code: int = 0) -> str:
    done = run_cli("app", "auth", *words)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def token(key: object, algorithm: str, **claims: object) -> str:
    told = {"sub": "user-1", "exp": time.time() + 60, **claims}
    return jwt.encode(told, key, algorithm)


def test_a_public_key_is_stored_with_its_algorithm_and_checks_tokens(
    tmp_path: Path, start: Callable[[], Client]
) -> None:
    pem = tmp_path / "key.pem"
    for algorithm, key in KEYS.items():
        public = key.public_key()
        pem.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        assert algorithm in auth("tokens", APP, "--key-file", str(pem), "--audience", "push")
    shown = json.loads(auth("show", APP, "--json"))
    assert shown["token_rules"]["algorithms"] == ["EdDSA"]
    assert "KEY" not in json.dumps(shown["token_key"])

    api = start()

    good = token(KEYS["EdDSA"], "EdDSA", aud="push")
    assert api("GET", "/info", user_token=good).status == 200
    wrong = token(KEYS["ES256"], "ES256", aud="push")
    assert api("GET", "/info", user_token=wrong).fault == (401, 3064)


def test_a_shared_secret_checks_tokens(
    tmp_path: Path, sqlite_file: SqliteFile, start: Callable[[], Client]
) -> None:
    secret = "0123456789abcdef" * 4
    (tmp_path / "secret").write_text(secret + "\n")
    assert "HS256" in auth("tokens", APP, "--key-file", str(tmp_path / "secret"))

    api = start()

    assert api("GET", "/info", user_token=token(secret, "HS256")).status == 200
    stored = b"".join(path.read_bytes() for path in sqlite_file.path.parent.iterdir())
    assert secret not in stored.decode("latin-1")


def test_a_key_that_checks_no_tokens_is_refused_in_one_line(tmp_path: Path) -> None:
    private = KEYS["ES256"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files = {"short": b"too short", "private": private, "odd": b"-----BEGIN X-----\nAA\n"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        told = auth("tokens", APP, "--key-file", str(tmp_path / name), code=1)
        assert len(told.splitlines()) == 1
    assert "https" in auth("tokens", APP, "--jwks-url", "http://id.example/keys", code=1)
    assert "scope" in auth("open", APP, "--scopes", "everything", code=1)
    assert "keys alone" in auth("open", APP, "--scopes", "read,admin", code=1)


def test_the_rules_of_an_app_are_made_shown_and_kept(start: Callable[[], Client]) -> None:
    auth("hosts", APP, "push.shop.example")
    auth("open", APP, "--scopes", "publish")
    auth("allow", APP, "vip*", "--role", "editor", "--role", "owner")
    auth("allow", APP, "closed")
    auth("allow", APP, "open")
    auth("allow", APP, "open", "--anybody")

    shown = auth("show", APP)

    for words in ("push.shop.example", "vip*: editor owner", "closed: nobody", "none are taken"):
        assert words in shown
    api = start()
    assert api.publish("open").status == 200
    assert api.publish("closed").fault == (400, 5007)
    assert api.publish("vip-1").fault == (400, 5007)
    assert api("GET", "/messaging/message:X", prefix="/api").fault == (400, 2000)
    assert api("POST", "/messaging/open", {"message": 1}, prefix="/api").status == 200


def test_doctor_says_what_is_open_without_a_key() -> None:
    def found() -> list[str]:
        told = json.loads(run_cli("doctor", "--json").stdout)
        return [one["says"] for one in told if one["name"] == "keyless"]

    assert found() == ["nothing of the HTTP API is open to callers without a key"]
    auth("open", APP, "--scopes", "publish,read")
    assert found() == [f"{APP}: anybody may publish, read (`app auth open {APP}`)"]


def test_a_key_for_some_channels_is_made_by_the_shell(start: Callable[[], Client]) -> None:
    done = run_cli(
        "app", "key", "add", APP, "--key", "news-key-of-24-characters", "--channel", "news*"
    )
    assert done.returncode == 0, done.stderr
    weak = run_cli("app", "key", "add", APP, "--key", "7")
    assert (weak.returncode, weak.stderr.splitlines()) == (
        1,
        ["error: --key: use 24 random characters or more: `openssl rand -hex 24` makes them"],
    )

    api = start()

    api.prefix = f"/{APP}/news-key-of-24-characters"
    assert api.publish("news").status == 200
    assert api.publish("sport").fault == (400, 5007)


def test_who_changes_a_device_and_how_fast_one_publishes_is_said_and_told(
    start: Callable[[], Client],
) -> None:
    assert "who shows their token" in auth("devices", APP, "--proof")
    assert "7 publishes a second" in auth("pace", APP, "--rate", "7")
    shown = auth("show", APP)
    assert "who shows their token" in shown
    assert "7 publishes a second" in shown

    api = start()

    assert api.register().status == 200
    client = run_cli("app", "key", "add", APP, "--scopes", "register").stdout.strip()
    refused = api("DELETE", "/messaging/registrations/dev-1", prefix=f"/{APP}/{client}")
    assert refused.fault == (400, 2000)
    assert "whoever knows their id" in auth("devices", APP, "--no-proof")


def test_doctor_says_who_gets_in_where_and_which_files_others_can_use(
    tmp_path: Path, sqlite_file: SqliteFile
) -> None:
    (tmp_path / ".env").write_text("")
    (tmp_path / ".env").chmod(0o644)
    for path in sqlite_file.path.parent.iterdir():
        path.chmod(0o600)
    auth("open", APP, "--scopes", "read")

    done = run_cli("doctor", "--security", "--json", env={"PIPELINE_CORS_ORIGINS": "*"})

    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert found["keyless"]["says"] == f"{APP}: anybody may read, at this machine's own names"
    assert found["web pages"]["says"] == "those of every origin may use the HTTP API"
    assert found["keys"]["says"] == f"{APP}: 1 key; with all scopes those that end in EY-1"
    assert "PIPELINE_OPERATOR_KEY" in found["operators"]["says"]
    assert found["broker"]["ok"]
    assert found["files"] == {
        "name": "files",
        "ok": False,
        "says": "others can use .env: `chmod go=`",
    }
    assert done.returncode == 1
    (tmp_path / ".env").chmod(0o600)
    assert run_cli("doctor", "--security").returncode == 0

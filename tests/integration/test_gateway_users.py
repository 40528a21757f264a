"""User tokens: signed by the host application, checked by its key or by its key set."""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.credentials import seal_text
from push_pipeline.devices.targets import find_targets
from push_pipeline.directory.access import (
    Access,
    PublishRule,
    TokenRules,
    find_access,
    put_access,
)
from push_pipeline.directory.apps import add_key
from push_pipeline.errors import UserKeysUnavailable
from push_pipeline.gateway import bounded_get
from push_pipeline.gateway.app import THREADS
from push_pipeline.gateway.bounded_get import GetFailed
from push_pipeline.gateway.key_sets import KeySets
from push_pipeline.models import DEVICE, USER
from push_pipeline.settings import Settings, get_settings
from push_pipeline.trust import trust
from push_workers.simulator.certificates import authority
from tests.integration.gateway_stand import APP, Client, make_app, running_gateway
from tests.processes import wait_until

PRIVATE = ec.generate_private_key(ec.SECP256R1())
STRANGER = ec.generate_private_key(ec.SECP256R1())
PUBLIC_PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
EDITORS = (PublishRule("vip*", ("editor",)),)


@pytest.fixture
def api(settings: Settings, configure: Callable[..., Settings]) -> Iterator[Client]:
    configure(app_id=APP)
    make_app()
    take_tokens(TokenRules(("ES256",), audience="push", issuer="https://id.example"))
    with running_gateway() as client:
        yield client


def take_tokens(token_rules: TokenRules | None, key: str | None = PUBLIC_PEM.decode()) -> None:
    secret = get_settings().secret_key.get_secret_value()
    sealed = seal_text(secret, key) if key else None
    access = Access(APP, publish_rules=EDITORS, token_rules=token_rules, token_key=sealed)
    with db.writing() as connection:
        put_access(connection, access, now_ms())


def claims(**changed: Any) -> dict[str, Any]:
    good = {"sub": "user-1", "aud": "push", "iss": "https://id.example", "exp": time.time() + 60}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def sign(key: Any = PRIVATE, algorithm: str = "ES256", **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm)


def users_of_devices() -> dict[str, str | None]:
    with db.reading() as connection:
        rows = connection.execute(select(DEVICE.device_id, DEVICE.user_id))
        return dict(rows.all())


def test_a_token_that_holds_lets_its_user_ask(api: Client) -> None:
    for token in (
        sign(),
        sign(sub=7),
        sign(roles=["a"]),
        sign(roles="a b"),
        sign(aud=["push", "x"]),
    ):
        assert api("GET", "/info", user_token=token).status == 200


def test_a_token_that_does_not_hold_is_refused_in_the_sdks_words(api: Client) -> None:
    head, body, signature = sign().split(".")
    wrong = {
        "garbage": "garbage",
        "blank": " ",
        "dots": "..",
        "expired": sign(exp=time.time() - 60),
        "no expiry": sign(exp=None),
        "not yet": sign(nbf=time.time() + 600),
        "audience": sign(aud="shop"),
        "no audience": sign(aud=None),
        "issuer": sign(iss="https://evil.example"),
        "stranger": sign(STRANGER),
        "no user": sign(sub=None),
        "empty user": sign(sub=""),
        "user with NUL": sign(sub="a\0b"),
        "user with half a character": sign(sub="\ud800"),
        "long user": sign(sub="u" * 513),
        "odd user": jwt.encode(claims(sub={"a": 1}), PRIVATE, "ES256"),
        "odd roles": sign(roles={"a": 1}),
        "unsigned": jwt.encode(claims(), None, "none"),
        "public key as secret": _hmac_with_public_key(),
        "changed": f"{head}.{body[:-2]}AA.{signature}",
        "cut": f"{head}.{body}",
        "long": "x" * 9000,
    }
    for name, token in wrong.items():
        for method, path in (("GET", "/info"), ("POST", "/messaging/default")):
            answer = api(method, path, b'{"message": 1}', user_token=token)
            if name != "blank":
                assert answer.fault == (401, 3064), name


def _hmac_with_public_key() -> str:
    """Sign as RFC 8725, 2.1 warns: the public key, which everybody has, taken as a secret."""

    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    signed = part(b'{"alg":"HS256"}') + b"." + part(json.dumps(claims()).encode())
    return (signed + b"." + part(hmac.new(PUBLIC_PEM, signed, hashlib.sha256).digest())).decode()


def test_an_app_that_takes_no_tokens_refuses_them_all(api: Client) -> None:
    take_tokens(None, None)
    assert api("GET", "/info", user_token=sign()).fault == (401, 3064)
    assert api("GET", "/info").status == 200


def test_a_token_links_the_device_to_its_user(api: Client) -> None:
    api("POST", "/messaging/registrations", _device("dev-1"), user_token=sign())
    assert users_of_devices() == {"dev-1": "user-1"}

    api.register("dev-1")
    assert users_of_devices() == {"dev-1": "user-1"}

    api("POST", "/messaging/registrations", _device("dev-1"), user_token=sign(sub="user-2"))
    assert users_of_devices() == {"dev-1": "user-2"}


def test_nobody_but_an_admin_says_by_word_alone_whose_a_device_is(api: Client) -> None:
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key="client", scopes=["register"])
    api("POST", "/messaging/registrations", _device("d1", userId="me"), prefix=f"/{APP}/client")
    api("POST", "/messaging/registrations", _device("d2", userId="me", token="2" * 64))

    assert users_of_devices() == {"d1": None, "d2": "me"}


def test_a_phone_that_was_logged_out_says_so_with_any_key(api: Client) -> None:
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key="client", scopes=["register"])
    for said in (None, ""):
        api("POST", "/messaging/registrations", _device("d1"), user_token=sign())
        assert users_of_devices() == {"d1": "user-1"}
        told = _device("d1", userId=said)
        api("POST", "/messaging/registrations", told, prefix=f"/{APP}/client")
        assert users_of_devices() == {"d1": None}


def _key_of(device_id: str) -> int:
    with db.reading() as connection:
        return connection.scalars(select(DEVICE.id).where(DEVICE.device_id == device_id)).one()


def test_who_only_knows_the_id_of_a_users_device_gets_nothing_of_the_users(
    api: Client, subtests: pytest.Subtests
) -> None:
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key="client", scopes=["register"])
        put_access(
            connection, replace(find_access(connection, APP), open_scopes=("register",)), now_ms()
        )
    strangers = [
        {"prefix": f"/{APP}/client"},
        {"prefix": f"/{APP}/client", "device_token": "3" * 64},
        {"prefix": f"/{APP}/client", "user_token": sign(sub="stranger")},
        {"prefix": "/api"},
    ]
    for n, stranger in enumerate(strangers):
        with subtests.test(**stranger):
            theirs = _device(f"d{n}", token=f"{n}1" * 32, channels=["news"])
            api("POST", "/messaging/registrations", theirs, user_token=sign())
            key_before = _key_of(f"d{n}")  # what a push that is under way goes by

            (told,) = api("GET", f"/messaging/registrations/d{n}", **stranger).body
            assert told["deviceToken"] == f"…{n}1{n}1"
            taken = _device(f"d{n}", token=f"{n}2" * 32, channels=["default"])
            assert api("POST", "/messaging/registrations", taken, **stranger).status == 200

            assert users_of_devices()[f"d{n}"] != "user-1"
            (found,) = api("GET", f"/messaging/registrations/d{n}").body
            assert (found["deviceToken"], found["channels"]) == (f"{n}2" * 32, ["default", "news"])
            with db.reading() as connection:
                assert find_targets(connection, [key_before], now_ms()) == []


def test_a_new_token_keeps_the_user_of_who_shows_that_the_device_is_theirs(
    api: Client, subtests: pytest.Subtests
) -> None:
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key="client", scopes=["register"])
    owners = [
        {"user_token": sign(), "prefix": f"/{APP}/client"},
        {"device_token": "AB" * 32, "prefix": f"/{APP}/client"},
        {},  # the scope admin
    ]
    for n, owner in enumerate(owners):
        with subtests.test(**owner):
            old = _device(f"d{n}", token="ab" * 32)
            api("POST", "/messaging/registrations", old, user_token=sign())
            (told,) = api("GET", f"/messaging/registrations/d{n}", **owner).body
            assert told["deviceToken"] == "ab" * 32

            new = _device(f"d{n}", token=f"{n}2" * 32)
            assert api("POST", "/messaging/registrations", new, **owner).status == 200
            assert users_of_devices()[f"d{n}"] == "user-1"


def test_an_app_may_demand_that_a_device_is_shown_to_be_theirs(api: Client) -> None:
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key="client", scopes=["register"])
        put_access(connection, replace(find_access(connection, APP), device_proof=True), now_ms())
    api.prefix = f"/{APP}/client"
    old, new = _device("d1"), _device("d1", token="2" * 64)
    assert api("POST", "/messaging/registrations", old, user_token=sign()).status == 200
    assert api("POST", "/messaging/registrations", old).status == 200  # it brings the token

    for stranger in ({}, {"device_token": "3" * 64}, {"user_token": sign(sub="stranger")}):
        refused = api("POST", "/messaging/registrations", new, **stranger)
        assert refused.fault == (400, 2000), stranger
        for channels in ("", "?channels=default"):
            refused = api("DELETE", f"/messaging/registrations/d1{channels}", **stranger)
            assert refused.fault == (400, 2000), stranger
    assert users_of_devices() == {"d1": "user-1"}

    assert api("POST", "/messaging/registrations", new, device_token="1" * 64).status == 200
    assert api("DELETE", "/messaging/registrations/d1", user_token=sign()).status == 200
    assert api("DELETE", "/messaging/registrations/d1").fault == (400, 5001)


def _device(device_id: str, *, token: str = "1" * 64, **fields: Any) -> dict[str, Any]:
    return {"deviceId": device_id, "deviceToken": token, "os": "IOS", **fields}


def test_a_role_in_the_token_opens_the_channels_of_that_role(api: Client) -> None:
    def publish(**changed: Any) -> tuple[int, Any]:
        answer = api("POST", "/messaging/vip-1", {"message": 1}, user_token=sign(**changed))
        return answer.status, answer.body.get("code")

    assert publish(roles=["editor", "x"]) == (200, None)
    assert publish(roles=["reader"]) == (400, 5007)
    assert publish() == (400, 5007)


def test_the_properties_of_a_user_are_put_by_an_admin(api: Client) -> None:
    answer = api("PUT", "/users/user%2F1", {"name": "Kari", "age": 7})
    assert answer.status == 200
    assert answer.body == {"userId": "user/1", "properties": {"name": "Kari", "age": 7}}
    api("PUT", "/users/user/1", {"name": "Ola"})

    with db.reading() as connection:
        assert connection.execute(select(USER.user_id, USER.properties)).all() == [
            ("user/1", {"name": "Ola"})
        ]
    assert api("PUT", "/users/u", {"name": "Kari"}, prefix="/api").fault == (400, 2000)
    assert api("PUT", "/users/u", b"[]").fault == (400, 8004)
    assert api("PUT", "/users/", {}).fault == (400, 8007)
    assert api("PUT", "/users/" + "u" * 600, {}).fault == (400, 8008)


class KeySetServer(BaseHTTPRequestHandler):
    """An identity provider's key set, over HTTP."""

    key_set: ClassVar[dict[str, Any]] = {}
    asked: ClassVar[int] = 0
    broken: ClassVar[bool] = False
    redirect: ClassVar[str | None] = None
    answers: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        type(self).asked += 1
        self.answers.wait(30)
        body = b"out of order" if self.broken else json.dumps(self.key_set).encode()
        self.send_response(302 if self.redirect else 503 if self.broken else 200)
        if self.redirect:
            self.send_header("Location", self.redirect)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def key_set() -> Iterator[tuple[type[KeySetServer], str]]:
    KeySetServer.asked, KeySetServer.broken = 0, False
    KeySetServer.answers.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), KeySetServer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield KeySetServer, f"http://127.0.0.1:{server.server_address[1]}/jwks"
    server.shutdown()
    thread.join()
    server.server_close()


def public_jwk(key: rsa.RSAPrivateKey, key_id: str) -> dict[str, Any]:
    written = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {**written, "kid": key_id, "alg": "RS256", "use": "sig"}


def test_a_key_set_is_fetched_once_and_not_for_every_invented_key(
    api: Client, key_set: tuple[type[KeySetServer], str]
) -> None:
    server, url = key_set
    key = rsa.generate_private_key(65537, 2048)
    server.key_set = {"keys": [public_jwk(key, "k1")]}
    take_tokens(TokenRules(("RS256",), audience="push", jwks_url=url), None)

    def ask(key_id: str) -> int:
        token = jwt.encode(claims(), key, "RS256", headers={"kid": key_id})
        return api("GET", "/info", user_token=token).status

    assert [ask("k1") for _ in range(3)] == [200] * 3
    assert [ask(f"invented-{n}") for n in range(5)] == [401] * 5
    assert server.asked == 1
    server.broken = True
    assert ask("k1") == 200


def test_a_key_set_that_cannot_be_fetched_is_no_fault_of_the_token(
    api: Client, key_set: tuple[type[KeySetServer], str]
) -> None:
    server, url = key_set
    server.broken = True
    take_tokens(TokenRules(("RS256",), jwks_url=url), None)
    token = jwt.encode(claims(), rsa.generate_private_key(65537, 2048), "RS256")

    assert {api("GET", "/info", user_token=token).fault for _ in range(3)} == {(503, 8011)}
    assert server.asked == 1, "nobody waits for a provider that has just failed"


def test_a_key_set_that_is_slow_holds_nobody_else_up(
    api: Client, key_set: tuple[type[KeySetServer], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, url = key_set
    key = rsa.generate_private_key(65537, 2048)
    server.key_set = {"keys": [public_jwk(key, "k1")]}
    server.answers.clear()
    monkeypatch.setattr(bounded_get, "DEADLINE_SECONDS", 30)
    take_tokens(TokenRules(("RS256",), audience="push", jwks_url=url), None)
    token = jwt.encode(claims(), key, "RS256", headers={"kid": "k1"})

    with ThreadPoolExecutor(2 * THREADS) as crowd:
        slow = [crowd.submit(api, "GET", "/info", user_token=token) for _ in range(2 * THREADS)]
        wait_until(lambda: server.asked == 1, what="the slow request")
        assert api("GET", "/messaging/unknown").status == 200
        assert api.publish().status == 200
        assert api("GET", "/readyz", prefix="").status == 200
        assert not any(one.done() for one in slow)
        server.answers.set()
        assert {one.result().status for one in slow} == {200}
    assert server.asked == 1


async def _drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter, every: float) -> None:
    with suppress(OSError), closing(writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(every)


def test_a_document_is_bounded_in_time_and_bytes_as_a_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fetch(every: float) -> None:
        drip = partial(_drip, every=every)
        async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            await bounded_get.get(f"http://127.0.0.1:{port}/", None)

    with pytest.raises(GetFailed, match="too long"):
        asyncio.run(fetch(0))
    monkeypatch.setattr(bounded_get, "DEADLINE_SECONDS", 0.2)
    with pytest.raises(GetFailed, match="late"):
        asyncio.run(fetch(0.01))


def test_no_redirect_is_followed_to_a_key_set(
    key_set: tuple[type[KeySetServer], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, url = key_set
    monkeypatch.setattr(server, "redirect", url)

    with pytest.raises(GetFailed, match="302"):
        asyncio.run(bounded_get.get(url, None))
    assert server.asked == 1


def test_whatever_a_provider_sends_is_a_key_set_or_none(
    configure: Callable[..., Settings], key_set: tuple[type[KeySetServer], str]
) -> None:
    configure()
    server, url = key_set
    nested: Any = json.loads("[" * 900 + "]" * 900)
    number = {"kty": "RSA", "n": 7, "e": []}

    for sent in (nested, {"keys": nested}, {"keys": [nested]}, {"keys": [number]}, {"keys": 1}, 7):
        server.key_set = sent
        with pytest.raises(UserKeysUnavailable):
            asyncio.run(KeySets().find(url, "k1"))


def test_a_token_with_nested_json_is_invalid(api: Client) -> None:
    deep = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 3000 + b"]" * 3000).rstrip(b"=").decode()
    head, _, _ = sign().split(".")

    assert api("GET", "/info", user_token=f"{deep}.e30.AA").fault == (401, 3064)
    assert api("GET", "/info", user_token=f"{head}.{deep}.AA").fault == (401, 3064)


def test_the_extra_authorities_are_trusted_beside_the_systems(tmp_path: Path) -> None:
    known = trust().cert_store_stats()["x509_ca"]
    file = tmp_path / "authority.pem"
    file.write_bytes(authority().pem())

    assert trust(str(file)).cert_store_stats()["x509_ca"] == known + 1

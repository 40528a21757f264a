"""Signatures for push services: the same everywhere, for one of them each, never too old."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from py_vapid import Vapid02

from push_pipeline.credentials.webpush import WebPushCredential, is_reachable
from push_pipeline.errors import BadCredential
from push_pipeline.web_push import Origin, decoded
from push_workers.senders.webpush.token import WINDOW_SECONDS, VapidTokens
from tests.unit.senders.providers import certificate, ec_key, rsa_key

CREDENTIAL = WebPushCredential.generate("mailto:push@example.com")
MOZILLA = Origin("updates.push.services.mozilla.com")
DAY = 24 * 3600
START = 1_790_000_000.0


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def claims_of(authorization: bytes) -> dict[str, object]:
    """Read the header as a push service does, with the key that it brings."""
    scheme, _, parameters = authorization.decode().partition(" ")
    assert scheme == "vapid"
    token, key = (one.partition("=")[2] for one in parameters.split(","))
    assert key == CREDENTIAL.public_key
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(key))
    options = {"verify_exp": False, "verify_aud": False}
    claims: dict[str, object] = jwt.decode(token, public, algorithms=["ES256"], options=options)
    return claims


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 4e9))
def test_a_token_ends_within_a_day_and_not_soon(now: float) -> None:
    claims = claims_of(VapidTokens(CREDENTIAL, clock=Clock(now)).authorization(MOZILLA))
    assert claims["aud"] == "https://updates.push.services.mozilla.com"
    assert claims["sub"] == "mailto:push@example.com"
    left = float(str(claims["exp"])) - now
    assert DAY / 2 <= left <= DAY * 3 / 4


def test_a_library_that_is_not_ours_accepts_it() -> None:
    shown = VapidTokens(CREDENTIAL).authorization(MOZILLA).decode()
    assert Vapid02.verify(shown)


def test_every_process_shows_the_same_until_the_window_ends() -> None:
    clock = Clock(START // WINDOW_SECONDS * WINDOW_SECONDS)
    mine, another = VapidTokens(CREDENTIAL, clock=clock), VapidTokens(CREDENTIAL, clock=clock)
    first = mine.authorization(MOZILLA)
    assert first == another.authorization(MOZILLA)
    clock.now += WINDOW_SECONDS - 1
    assert mine.authorization(MOZILLA) is first
    clock.now += 1
    assert mine.authorization(MOZILLA) != first


def test_each_push_service_is_shown_its_own() -> None:
    tokens = VapidTokens(CREDENTIAL)
    local = tokens.authorization(Origin("127.0.0.1", 8443))
    assert claims_of(local)["aud"] == "https://127.0.0.1:8443"
    assert local != tokens.authorization(MOZILLA)
    assert "mailto" in repr(tokens)
    assert local.decode() not in repr(tokens)


def test_a_key_pair_is_kept_and_never_shown() -> None:
    assert WebPushCredential.from_json(CREDENTIAL.to_json()) == CREDENTIAL  # type: ignore[arg-type]
    assert len(decoded(CREDENTIAL.public_key)) == 65
    assert "PRIVATE" not in repr(CREDENTIAL)
    one_line = CREDENTIAL.key_pem.replace("\n", "\\n")
    assert WebPushCredential.from_text(one_line, CREDENTIAL.subject) == CREDENTIAL


@pytest.mark.parametrize(
    "pem", ["", "x", rsa_key(), certificate()[0], ec_key(ec.SECP384R1())], ids=range(5)
)
def test_keys_that_es256_has_no_use_for(pem: str) -> None:
    with pytest.raises(BadCredential, match="Web Push"):
        WebPushCredential(key_pem=pem, subject=CREDENTIAL.subject)


@pytest.mark.parametrize(
    ("subject", "good"),
    [
        ("mailto:push@example.com", True),
        ("https://example.com", True),
        ("https://example.com/contact", True),
        ("", False),
        ("push@example.com", False),
        ("mailto:mailto:push@example.com", False),
        ("mailto: push@example.com", False),
        ("mailto:<push@example.com>", False),
        ("mailto:push@localhost", False),
        ("mailto:push@some.invalid", False),
        ("mailto:push@box.local", False),
        ("https://localhost", False),
        ("https://exa mple.com", False),
        ("https://[", False),
        ("http://example.com", False),
    ],
)
def test_whom_push_services_can_write_to(subject: str, good: bool) -> None:
    assert is_reachable(subject) is good
    if not good:
        with pytest.raises(BadCredential, match="subject"):
            WebPushCredential.generate(subject)

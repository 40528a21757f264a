"""What we encrypt, browsers open: by the RFC's own example, and by a library that is not ours."""

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from push_pipeline.web_push import decoded, encoded
from push_workers.senders.webpush.encryption import (
    BODY_BYTES,
    OVERHEAD,
    PLAIN_BYTES,
    encrypt,
    encrypt_with,
)
from tests.unit.senders.browser import Browser

BROWSER = Browser()


def test_the_example_of_the_rfc() -> None:
    """RFC 8291, 5 and appendix A."""
    sender = ec.derive_private_key(
        int.from_bytes(decoded("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big"),
        ec.SECP256R1(),
    )
    body = encrypt_with(
        sender,
        decoded("DGv6ra1nlYgDCS1FRnbzlw"),
        b"When I grow up, I want to be a watermelon",
        decoded(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
        ),
        decoded("BTBZMqHH6r4Tts7J_aSIgg"),
    )
    assert encoded(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLoc"
        "InmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLV"
        "WGNWQexSgSxsj_Qulcy4a-fN"
    )


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=PLAIN_BYTES))
def test_the_browser_opens_what_it_got(plain: bytes) -> None:
    keys = BROWSER.subscription
    body = encrypt(plain, keys.p256dh, keys.auth)
    assert len(body) == len(plain) + OVERHEAD
    assert BROWSER.open(body) == plain


def test_nothing_longer_than_every_push_service_takes() -> None:
    keys = BROWSER.subscription
    assert len(encrypt(b"x" * PLAIN_BYTES, keys.p256dh, keys.auth)) == BODY_BYTES
    with pytest.raises(ValueError, match="more than 3993 bytes"):
        encrypt(b"x" * (PLAIN_BYTES + 1), keys.p256dh, keys.auth)


def test_another_browser_cannot_open_it_and_no_message_is_like_another() -> None:
    keys = BROWSER.subscription
    bodies = {encrypt(b"secret", keys.p256dh, keys.auth)[:86] for _ in range(20)}
    assert len(bodies) == 20  # the salts, and the sender's keys
    with pytest.raises(http_ece.ECEException):
        Browser().open(encrypt(b"secret", keys.p256dh, keys.auth))

"""Signed tokens made by PyJWT are read; what is changed afterwards is not."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from push_workers.simulator import jws

EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@given(st.dictionaries(st.text(max_size=5), st.integers(-(2**40), 2**40), max_size=4))
def test_what_pyjwt_signs_is_read(claims):
    for key, algorithm in ((EC_KEY, "ES256"), (RSA_KEY, "RS256")):
        token = jws.parse(jwt.encode(claims, key, algorithm, headers={"kid": "k"}))

        assert token.claims == claims
        assert token.header["kid"] == "k"
        assert jws.is_signed_by(token, key.public_key())


def test_another_key_another_algorithm_and_a_changed_signature_are_refused():
    token = jws.parse(jwt.encode({"iss": "x"}, EC_KEY, "ES256"))
    other = ec.generate_private_key(ec.SECP256R1())

    assert not jws.is_signed_by(token, other.public_key())
    assert not jws.is_signed_by(token, RSA_KEY.public_key())
    assert not jws.is_signed_by(token._replace(signature=b"short"), EC_KEY.public_key())
    assert not jws.is_signed_by(token._replace(header={"alg": "none"}), EC_KEY.public_key())


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "é.é.é", "e30.W10.x", "e30.e30.!!"])
def test_what_is_no_token_is_malformed(text):
    with pytest.raises(jws.MalformedError):
        jws.parse(text)

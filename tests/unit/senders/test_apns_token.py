"""Provider tokens: the same everywhere, never too old, never renewed too often."""

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from push_workers.senders.apns.token import ProviderTokens
from tests.unit.senders.providers import KEY_ID, TEAM_ID, apns_credential

CREDENTIAL = apns_credential()
PUBLIC = load_pem_private_key((CREDENTIAL.key_pem or "").encode(), None).public_key()
START = 1_790_000_000.0


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def issued_at(token: bytes) -> int:
    options = {"verify_iat": False, "verify_exp": False}
    claims = jwt.decode(token, PUBLIC, algorithms=["ES256"], options=options)
    assert set(claims) == {"iss", "iat"}
    assert claims["iss"] == TEAM_ID
    return int(claims["iat"])


def test_a_library_that_is_not_ours_accepts_the_token() -> None:
    token = ProviderTokens(CREDENTIAL, clock=Clock()).token_for(1)
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": KEY_ID}
    assert issued_at(token) == START // 1800 * 1800


def test_every_process_builds_the_same_bytes() -> None:
    one = ProviderTokens(CREDENTIAL, clock=Clock(START)).token_for(1)
    other = ProviderTokens(CREDENTIAL, clock=Clock(START + 60)).token_for(77)
    assert one == other


def test_a_connection_keeps_its_token_while_new_ones_take_the_next() -> None:
    clock = Clock(1800.0 * 1000 - 1)  # one second before a half hour begins
    tokens = ProviderTokens(CREDENTIAL, clock=clock)
    first = tokens.token_for(1)
    clock.now += 2
    assert tokens.token_for(1) == first
    assert tokens.token_for(2) != first
    clock.now += 1500
    assert tokens.token_for(1) == tokens.token_for(2) != first


@given(st.lists(st.floats(1, 4_000), min_size=1, max_size=60), st.floats(0, 1799))
def test_no_token_is_too_old_and_no_connection_renews_too_often(
    steps: list[float], into_window: float
) -> None:
    clock = Clock(1800.0 * 1000 + into_window)
    tokens = ProviderTokens(CREDENTIAL, clock=clock)
    shown, changed_at = tokens.token_for(1), clock.now
    for step in steps:
        clock.now += step
        token = tokens.token_for(1)
        age = clock.now - issued_at(token)
        assert 0 <= age <= 3_300  # 55 minutes; Apple allows 60
        if token != shown:
            assert clock.now - changed_at >= 1_200  # Apple: not more often than every 20 minutes
            shown, changed_at = token, clock.now


def test_what_closed_connections_showed_is_forgotten() -> None:
    clock = Clock()
    tokens = ProviderTokens(CREDENTIAL, clock=clock)
    for connection in range(1_000):
        clock.now += 60
        tokens.token_for(connection)
    assert len(tokens._shown) < 70


def test_a_clock_that_is_set_back_gets_a_token_of_its_time() -> None:
    clock = Clock()
    tokens = ProviderTokens(CREDENTIAL, clock=clock)
    tokens.token_for(1)
    clock.now -= 7_200
    assert issued_at(tokens.token_for(1)) <= clock.now

"""Access tokens over real TLS: fetched once, renewed early, kept while renewal fails."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from push_pipeline.credentials import FcmCredential
from push_pipeline.outcome import Outcome, Verdict
from push_pipeline.trust import shared_trust
from push_workers.senders.fcm.token import UNAVAILABLE, AccessTokens
from tests.integration.senders_stand import Answer, Stand, json_answer, stand
from tests.unit.senders.providers import service_account


class Clock:
    """A clock that is set by hand."""

    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Stand]:
    with stand(tmp_path, lambda _: Answer(500)) as server:
        server.script = lambda _: grant(len(server.requests))
        yield server


@pytest.fixture
def tokens(endpoint: Stand, clock: Clock) -> Iterator[AccessTokens]:
    account = service_account(token_uri=f"{endpoint.url}/token")
    credential = FcmCredential(service_account=account)
    made = AccessTokens(credential, ca_file=endpoint.ca_file, clock=clock)
    yield made
    made.close()


def grant(number: int, life: object = 3600) -> Answer:
    return json_answer(200, {"access_token": f"access-{number}", "expires_in": life})


def test_a_token_is_fetched_once_and_kept(
    tokens: AccessTokens, endpoint: Stand, clock: Clock
) -> None:
    assert tokens.bearer() == b"access-1"
    clock.now += 3_200
    assert tokens.bearer() == b"access-1"
    assert len(endpoint.requests) == 1


def test_signing_in_adds_nobody_to_whom_is_trusted(
    endpoint: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.pem"
    own.write_bytes(Path(endpoint.ca_file).read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    account = service_account(token_uri=f"{endpoint.url}/token")
    tokens = AccessTokens(FcmCredential(service_account=account), ca_file=str(own))
    assert tokens.bearer() == b"access-1"
    tokens.close()
    assert shared_trust("http/1.1", str(own)).cert_store_stats()["x509_ca"] == 1


def test_a_token_is_renewed_five_minutes_before_its_end(tokens: AccessTokens, clock: Clock) -> None:
    tokens.bearer()
    clock.now += 3_305
    assert tokens.bearer() == b"access-2"


def test_the_old_token_is_kept_while_renewal_fails_until_it_really_ends(
    tokens: AccessTokens, endpoint: Stand, clock: Clock
) -> None:
    tokens.bearer()
    endpoint.script = lambda _: Answer(503)
    clock.now += 3_400
    assert tokens.bearer() == b"access-1"
    assert tokens.bearer() == b"access-1"
    assert len(endpoint.requests) == 2  # a failure is remembered for some seconds
    clock.now += 210
    failed = tokens.bearer()
    assert isinstance(failed, Verdict)
    assert (failed.outcome, failed.reason) == (Outcome.UNAVAILABLE, "OAuthUnavailable")
    endpoint.script = lambda _: grant(9)
    clock.now += 6
    assert tokens.bearer() == b"access-9"


def test_many_threads_make_one_flight(tokens: AccessTokens, endpoint: Stand) -> None:
    with ThreadPoolExecutor(16) as threads:
        bearers = {future.result() for future in [threads.submit(tokens.bearer) for _ in range(64)]}
    assert bearers == {b"access-1"}
    assert len(endpoint.requests) == 1


def test_a_token_that_was_refused_is_forgotten_and_a_newer_one_is_not(tokens: AccessTokens) -> None:
    assert tokens.bearer() == b"access-1"
    tokens.refuse(b"access-1")
    assert tokens.bearer() == b"access-2"
    tokens.refuse(b"access-1")
    assert tokens.bearer() == b"access-2"


@pytest.mark.parametrize("life", ["3600", 10])
def test_odd_lifetimes_are_read(
    tokens: AccessTokens, endpoint: Stand, clock: Clock, life: object
) -> None:
    endpoint.script = lambda _: grant(1, life)
    assert tokens.bearer() == b"access-1"
    endpoint.script = lambda _: grant(2, life)
    clock.now += 4
    assert tokens.bearer() == b"access-1"
    clock.now += float(str(life)) - 4
    assert tokens.bearer() == b"access-2"


@pytest.fixture
def machine(
    endpoint: Stand, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AccessTokens]:
    """Tokens by the machine's identity: a workload's own token is exchanged for one of Google."""
    (tmp_path / "subject").write_text("the workload's token")
    identity = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/b",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{endpoint.url}/v1/token",
        "credential_source": {"file": str(tmp_path / "subject")},
    }
    (tmp_path / "identity.json").write_text(json.dumps(identity))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "identity.json"))
    credential = FcmCredential(project="a-project")
    made = AccessTokens(credential, ca_file=endpoint.ca_file, clock=clock)
    yield made
    made.close()


def test_a_machines_identity_is_exchanged_for_a_token(
    machine: AccessTokens, endpoint: Stand, clock: Clock
) -> None:
    assert machine.bearer() == b"access-1"
    assert machine.bearer() == b"access-1"
    [asked] = endpoint.requests
    assert (asked.path, b"subject_token=the" in asked.body) == ("/v1/token", True)
    endpoint.script = lambda _: json_answer(400, {"error": "invalid_grant"})
    clock.now += 4_000
    refused = machine.bearer()
    assert isinstance(refused, Verdict)
    assert (refused.outcome, refused.reason) == (Outcome.MISCONFIGURED, "invalid_grant")
    endpoint.script = lambda _: Answer(500)
    clock.now += 10
    assert machine.bearer() == UNAVAILABLE


def test_a_machine_without_an_identity_is_told_so(
    machine: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    refused = machine.bearer()
    assert isinstance(refused, Verdict)
    assert (refused.outcome, refused.reason) == (Outcome.MISCONFIGURED, "NoDefaultCredentials")


def test_an_endpoint_that_nobody_vouches_for_gets_no_assertion(endpoint: Stand) -> None:
    account = service_account(token_uri=f"{endpoint.url}/token")
    stranger = AccessTokens(FcmCredential(service_account=account))
    failed = stranger.bearer()
    stranger.close()
    assert isinstance(failed, Verdict)
    assert failed.outcome is Outcome.UNAVAILABLE
    assert endpoint.requests == []

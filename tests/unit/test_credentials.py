"""Credentials are checked at birth, sealed at rest, and never printed."""

import json
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from push_pipeline.credentials import (
    ApnsCredential,
    Environment,
    FcmCredential,
    Standing,
    keys_in,
    origin_of,
    reseal,
    seal,
    sealing,
    standing,
    unseal,
)
from push_pipeline.errors import BadCredential, SettingsError
from tests.unit.senders.providers import (
    KEY_ID,
    TEAM_ID,
    TOPIC,
    apns_credential,
    certificate,
    ec_key,
    fcm_credential,
    rsa_key,
    service_account,
    service_account_file,
)

SECRET = "a secret of the tests only"


def key_file(directory: Path, text: str) -> Path:
    path = directory / "AuthKey.p8"
    path.write_text(text)
    return path


def from_key(path: Path, **changes: str) -> ApnsCredential:
    values = {"key_id": KEY_ID, "team_id": TEAM_ID, "topic": TOPIC, **changes}
    return ApnsCredential.from_key_file(path, **values)


def test_a_p8_key_is_read_from_its_file(tmp_path: Path) -> None:
    credential = from_key(key_file(tmp_path, ec_key()))
    assert credential.address == ("api.push.apple.com", 443)
    assert credential.environment is Environment.PRODUCTION


def test_the_sandbox_has_its_own_address(tmp_path: Path) -> None:
    path = key_file(tmp_path, ec_key())
    assert from_key(path, environment="sandbox").address == ("api.sandbox.push.apple.com", 443)
    assert from_key(path, url="https://localhost:2197").address == ("localhost", 2197)


def test_a_variable_holds_what_the_file_would_with_its_line_breaks_or_their_escapes() -> None:
    ids = {"key_id": KEY_ID, "team_id": TEAM_ID, "topic": TOPIC}
    key, pem = ec_key(), "".join(certificate())
    for text in (key, key.replace("\n", "\\n")):
        assert ApnsCredential.from_text(text, **ids).key_pem == key
    assert ApnsCredential.from_text(pem, topic=TOPIC).certificate_pem == pem


def test_a_project_without_a_secret_is_a_credential_and_where_one_is_from_is_sealed_with_it() -> (
    None
):
    machine = FcmCredential(project="a-project")
    sealed = seal(SECRET, machine, "the machine")
    assert (unseal(SECRET, sealed), origin_of(SECRET, sealed)) == (machine, "the machine")
    assert machine.project_id == "a-project"
    assert origin_of(SECRET, seal(SECRET, fcm_credential())) is None
    for wrong in ({"project": "a/b"}, {"project": "a", "service_account": service_account()}):
        with pytest.raises(BadCredential):
            FcmCredential(**wrong)


@pytest.mark.parametrize(
    ("text", "changes", "complaint"),
    [
        ("nonsense", {}, "no readable private key"),
        ("", {}, "no readable private key"),
        (rsa_key(), {}, "P-256"),
        (ec_key(ec.SECP384R1()), {}, "P-256"),
        (ec_key(), {"key_id": "short"}, "key id"),
        (ec_key(), {"key_id": "abc123defg"}, "key id"),
        (ec_key(), {"team_id": "TEAM12345678"}, "team id"),
        (ec_key(), {"topic": "com example"}, "topic"),
        (ec_key(), {"topic": "a\r\nb"}, "topic"),
        (ec_key(), {"mac_topic": "a b"}, "topic"),
        (ec_key(), {"topic": f"{TOPIC}.voip-ptt"}, "push type"),
        (ec_key(), {"mac_topic": f"{TOPIC}.push-type.widgets"}, "push type"),
        (ec_key(), {"environment": "staging"}, "production or sandbox"),
        (ec_key(), {"url": "http://localhost"}, "https"),
        (ec_key(), {"url": "https://localhost:port"}, "https"),
        (ec_key(), {"url": "https://localhost/3/device"}, "https"),
        (ec_key(), {"colour": "red"}, "unknown name"),
    ],
)
def test_what_apns_would_refuse_is_refused_here_in_one_line(
    tmp_path: Path, text: str, changes: dict[str, str], complaint: str
) -> None:
    with pytest.raises(BadCredential, match=complaint) as caught:
        from_key(key_file(tmp_path, text), **changes)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCredential, match=r"nowhere\.p8: No such file"):
        from_key(tmp_path / "nowhere.p8")
    with pytest.raises(BadCredential, match=r"nowhere\.json: No such file"):
        FcmCredential.from_service_account_file(tmp_path / "nowhere.json")


def test_a_file_that_is_no_credential_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(b"x" * 300_000)
    with pytest.raises(BadCredential, match="larger"):
        from_key(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadCredential, match="not a text file"):
        from_key(path)


def test_a_certificate_comes_with_its_key(tmp_path: Path) -> None:
    path = tmp_path / "push.pem"
    path.write_text("".join(certificate()))
    credential = ApnsCredential.from_certificate_file(path, topic=TOPIC)
    assert credential.key_pem is None


@pytest.mark.parametrize(
    ("pem", "complaint"),
    [
        (certificate()[0], "lacks its private key"),
        (certificate()[0] + ec_key(), "of another certificate"),
        (ec_key(), "no readable certificate"),
        ("".join(certificate(days=-1)), "expired on 20"),
    ],
)
def test_a_certificate_that_apns_would_refuse_is_refused_here(pem: str, complaint: str) -> None:
    with pytest.raises(BadCredential, match=complaint):
        ApnsCredential(certificate_pem=pem, topic=TOPIC)


def test_a_key_and_a_certificate_are_one_too_many() -> None:
    with pytest.raises(BadCredential, match="either"):
        apns_credential(certificate_pem="".join(certificate()))
    with pytest.raises(BadCredential, match="either"):
        apns_credential(key_pem=None)


def test_a_service_account_is_read_from_its_file(tmp_path: Path) -> None:
    credential = FcmCredential.from_service_account_file(service_account_file(tmp_path))
    assert credential.project_id == "demo-project"
    assert credential.address == ("fcm.googleapis.com", 443)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"type": "authorized_user"}, "no service account"),
        ({"project_id": None}, "lacks project_id"),
        ({"client_email": ""}, "lacks client_email"),
        ({"private_key": "nonsense"}, "not a readable private key"),
        ({"private_key": ec_key()}, "RSA"),
        ({"project_id": "a/b"}, "project id"),
        ({"token_uri": "http://localhost/token"}, "https"),
    ],
)
def test_what_google_would_refuse_is_refused_here(
    changes: dict[str, str | None], complaint: str
) -> None:
    with pytest.raises(BadCredential, match=complaint):
        FcmCredential(service_account=service_account(**changes))


@pytest.mark.parametrize("text", ["{", "[]", "null", '"x"', "[" * 100_000])
def test_a_file_that_is_no_service_account_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "account.json"
    path.write_text(text)
    with pytest.raises(BadCredential):
        FcmCredential.from_service_account_file(path)


@pytest.mark.parametrize(
    "make", [apns_credential, fcm_credential, lambda: apns_credential(mac_topic="com.example.mac")]
)
@pytest.mark.parametrize("secret", ["x", "a secret of any length " * 9, "schlüssel"])
def test_a_sealed_credential_comes_back_as_it_was(
    make: Callable[[], ApnsCredential | FcmCredential], secret: str
) -> None:
    credential = make()
    sealed = seal(secret, credential)
    assert unseal(secret, sealed) == credential
    assert b"PRIVATE KEY" not in sealed


def test_a_certificate_can_be_sealed() -> None:
    credential = ApnsCredential(certificate_pem="".join(certificate()), topic=TOPIC)
    assert unseal("secret", seal("secret", credential)) == credential


def test_another_secret_opens_nothing() -> None:
    sealed = seal("old", apns_credential())
    with pytest.raises(BadCredential, match="PIPELINE_SECRET_KEY"):
        unseal("new", sealed)
    with pytest.raises(BadCredential, match="PIPELINE_SECRET_KEY"):
        unseal("old", sealed[:-2] + b"xx")


def test_an_empty_secret_seals_nothing() -> None:
    with pytest.raises(SettingsError, match="PIPELINE_SECRET_KEY"):
        seal("", apns_credential())


def test_no_repr_and_no_error_shows_a_secret() -> None:
    apns, fcm = apns_credential(), fcm_credential()
    certified = ApnsCredential(certificate_pem="".join(certificate()), topic=TOPIC)
    secrets = [apns.key_pem, fcm.service_account["private_key"], certified.certificate_pem]
    shown = repr([apns, fcm, certified]) + str(apns) + str(fcm)
    for broken in (lambda: unseal("x", seal("y", fcm)), lambda: apns_credential(key_id="bad")):
        try:
            broken()
        except BadCredential as error:
            shown += "".join(traceback.format_exception(error))
    for secret in secrets:
        assert secret
        assert not any(line in shown for line in secret.splitlines() if len(line) > 30)


def test_a_broken_json_file_is_not_kept_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    path.write_text(json.dumps(service_account())[:-1])
    with pytest.raises(BadCredential) as caught:
        FcmCredential.from_service_account_file(path)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


OLD, NEW = "an old key of the tests", "a new key of the tests"


def test_a_list_of_keys_seals_with_the_first_and_opens_with_each() -> None:
    credential = apns_credential()
    old = seal(OLD, credential)
    both = f"{NEW}, {OLD}"

    assert unseal(both, old) == credential
    assert unseal(NEW, seal(both, credential)) == credential
    assert unseal(NEW, reseal(both, old)) == credential
    assert standing(OLD, old) is Standing.NEWEST
    assert standing(both, old) is Standing.OLD
    assert standing(both, reseal(both, old)) is Standing.NEWEST
    assert standing(NEW, old) is Standing.LOST
    with pytest.raises(BadCredential):
        reseal(NEW, old)


def test_a_secret_with_a_comma_that_is_no_list_is_one_key() -> None:
    one = "a secret of words, and more"
    assert keys_in(one) == [one]
    assert standing(one, seal(one, apns_credential())) is Standing.NEWEST
    assert keys_in(f"{NEW},{one}") == [NEW, one]
    assert standing(f"{NEW},{one}", seal(one, apns_credential())) is Standing.OLD


def test_what_was_sealed_with_a_comma_before_there_were_lists_is_opened() -> None:
    text = f"{NEW},{OLD}"
    before = sealing._fernet(text).encrypt(b"x")
    assert standing(text, before) is Standing.OLD
    assert standing(text, reseal(text, before)) is Standing.NEWEST

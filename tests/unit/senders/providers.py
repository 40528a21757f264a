"""Credentials that are made on the spot, for tests of the senders."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import NameOID

from push_pipeline.credentials import ApnsCredential, FcmCredential

TOPIC = "com.example.app"
KEY_ID = "ABC123DEFG"
TEAM_ID = "TEAM123456"


def pem_of(key: PrivateKeyTypes) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def ec_key(curve: ec.EllipticCurve | None = None) -> str:
    return pem_of(ec.generate_private_key(curve or ec.SECP256R1()))


def rsa_key() -> str:
    return pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def certificate(*, days: int = 30, key_pem: str | None = None) -> tuple[str, str]:
    """Return a self-signed certificate and its key."""
    key_pem = key_pem or ec_key()
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    name = x509.Name([x509.NameAttribute(NameOID.USER_ID, TOPIC)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), key_pem


def apns_credential(**changes: str | None) -> ApnsCredential:
    values = {"key_pem": ec_key(), "key_id": KEY_ID, "team_id": TEAM_ID, "topic": TOPIC}
    return ApnsCredential(**{**values, **changes})


def service_account(**changes: str | None) -> dict[str, str | None]:
    return {
        "type": "service_account",
        "project_id": "demo-project",
        "private_key_id": "k1",
        "private_key": rsa_key(),
        "client_email": "push@demo-project.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
        **changes,
    }


def fcm_credential(**changes: str | None) -> FcmCredential:
    return FcmCredential(service_account=service_account(**changes))


def service_account_file(directory: Path, **changes: str | None) -> Path:
    path = directory / "service-account.json"
    path.write_text(json.dumps(service_account(**changes)))
    return path

"""The files that a client needs: CA, server certificate, both keys, service account.

They are made once per directory and found again at the next start, so that credentials that an
installation sealed yesterday still work today.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from push_workers.simulator import certificates

#: Ten characters each, as Apple's are.
KEY_ID = "SIMKEY0001"
TEAM_ID = "SIMTEAM001"
#: Bundle id of the simulated app.
TOPIC = "com.example.push"
PROJECT_ID = "push-simulator"
SERVICE_ACCOUNT = f"sender@{PROJECT_ID}.iam.gserviceaccount.com"


@dataclass(frozen=True)
class Identity:
    """The directory with all files; every path exists once `ensure` has run."""

    dir: Path

    @property
    def ca_file(self) -> Path:
        """The CA that clients must trust."""
        return self.dir / "ca.pem"

    @property
    def server_file(self) -> Path:
        """Key and certificate of the listeners."""
        return self.dir / "server.pem"

    @property
    def client_file(self) -> Path:
        """Key and certificate for APNs' certificate authentication."""
        return self.dir / "client.pem"

    @property
    def key_file(self) -> Path:
        """The APNs signing key."""
        return self.dir / f"AuthKey_{KEY_ID}.p8"

    @property
    def push_key_file(self) -> Path:
        """The key that the simulated browsers subscribed with."""
        return self.dir / "webpush-key.pem"

    @property
    def service_account_file(self) -> Path:
        """Google's key file; its `token_uri` is this simulator's."""
        return self.dir / "service-account.json"

    @property
    def info_file(self) -> Path:
        """Ids, ports and URLs of the running simulator."""
        return self.dir / "simulator.json"

    def ensure(self) -> None:
        """Make what is missing. A CA that is lost takes the certificates with it."""
        self.dir.mkdir(parents=True, exist_ok=True)
        tls = (self.ca_file, self.server_file, self.client_file)
        if not all(path.exists() for path in tls):
            ca = certificates.authority()
            _write(self.ca_file, ca.pem())
            _write(self.server_file, certificates.server(ca).pem_with_key())
            _write(self.client_file, certificates.client(ca, TOPIC).pem_with_key())
        if not self.key_file.exists():
            _write(self.key_file, certificates.private_pem(_new_ec_key()))
        if not self.push_key_file.exists():
            _write(self.push_key_file, certificates.private_pem(_new_ec_key()))
        if not self.service_account_file.exists():
            _write(self.service_account_file, orjson.dumps(_new_service_account()))

    def point_service_account(self, token_uri: str) -> None:
        """Write the token endpoint's address into the service account."""
        account = self.service_account()
        if account.get("token_uri") != token_uri:
            text = orjson.dumps({**account, "token_uri": token_uri}, option=orjson.OPT_INDENT_2)
            _write(self.service_account_file, text)

    def service_account(self) -> dict[str, Any]:
        """Read the service account."""
        account: dict[str, Any] = orjson.loads(self.service_account_file.read_bytes())
        return account

    def apns_public_key(self) -> ec.EllipticCurvePublicKey:
        """Return what verifies provider tokens of the simulator's own key."""
        key = serialization.load_pem_private_key(self.key_file.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self.key_file} is not an elliptic-curve key")
        return key.public_key()

    def account_public_key(self) -> rsa.RSAPublicKey:
        """Return what verifies assertions of the service account."""
        pem = self.service_account()["private_key"].encode()
        key = serialization.load_pem_private_key(pem, None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(f"{self.service_account_file} has no RSA key")
        return key.public_key()

    def write_info(self, info: dict[str, Any]) -> None:
        """Write simulator.json."""
        _write(self.info_file, orjson.dumps(info, option=orjson.OPT_INDENT_2))


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step, so that a reader never sees half of it."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    new.touch(mode=0o600)
    new.write_bytes(content)
    new.replace(path)


def _new_ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _new_service_account() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": PROJECT_ID,
        "private_key_id": secrets.token_hex(20),
        "private_key": pem.decode(),
        "client_email": SERVICE_ACCOUNT,
        "client_id": "100000000000000000001",
        "auth_uri": "https://localhost/auth",
        "token_uri": "",
    }

"""Connections share whom they trust, as long as it is the same."""

import os
from pathlib import Path

import certifi
import pytest

from push_pipeline.errors import BadCredential
from push_pipeline.trust import shared_trust, trust

AUTHORITIES = Path(certifi.where()).read_text()


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    end = "-----END CERTIFICATE-----\n"
    file.write_text(AUTHORITIES[: AUTHORITIES.index(end) + len(end)])
    return file


def test_connections_of_a_protocol_share_whom_they_trust(authority: Path) -> None:
    shared = shared_trust("h2", str(authority))
    assert shared_trust("h2", str(authority)) is shared
    assert shared_trust("http/1.1", str(authority)) is not shared
    assert shared_trust("h2") is not shared
    assert trust(str(authority)) is not shared


def test_a_file_that_has_changed_is_read_again(authority: Path) -> None:
    before = shared_trust("h2", str(authority))
    authority.write_text(AUTHORITIES)
    os.utime(authority, ns=(1, 1))
    after = shared_trust("h2", str(authority))
    assert after.cert_store_stats()["x509_ca"] >= before.cert_store_stats()["x509_ca"]
    assert after is not before


def test_a_file_that_is_not_there_is_told_each_time(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(BadCredential, match="cannot read"):
            shared_trust("h2", str(tmp_path / "none.pem"))

"""Whom we trust over TLS: the system's authorities, and those of PIPELINE_CA_FILE beside them."""

import ssl
from functools import lru_cache
from pathlib import Path

import certifi

from push_pipeline.errors import BadCredential


def trust(ca_file: str | None = None) -> ssl.SSLContext:
    """Trust the system's authorities and a file of further ones.

    Minimal containers and Python on macOS come without a system store: there certifi's list
    stands in.

    Raises:
        BadCredential: when the file cannot be read as certificates.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not context.cert_store_stats()["x509_ca"]:
        context.load_verify_locations(certifi.where())
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:  # ssl.SSLError is one as well
            raise BadCredential(f"PIPELINE_CA_FILE: cannot read {ca_file}: {error}") from None
    return context


def shared_trust(protocol: str, ca_file: str | None = None) -> ssl.SSLContext:
    """Return the same trust for all connections of a protocol: nobody may change it further.

    Reading the system's list takes 25 ms and 5 MB. A worker does it before it forks, and its
    children share it. A file that has changed is read again.

    Raises:
        BadCredential: when the file cannot be read as certificates.
    """
    return _shared(protocol, ca_file, _time_of(ca_file) if ca_file else 0)


def _time_of(ca_file: str) -> int:
    try:
        return Path(ca_file).stat().st_mtime_ns
    except OSError:
        return 0  # which the reading tells about


@lru_cache(maxsize=8)
def _shared(protocol: str, ca_file: str | None, _changed_at: int) -> ssl.SSLContext:
    context = trust(ca_file)
    context.set_alpn_protocols([protocol])
    return context

"""Whom we trust over TLS: the system's authorities, and those of PIPELINE_CA_FILE beside them."""

import ssl

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

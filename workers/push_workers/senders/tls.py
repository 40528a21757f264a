"""The certificate that a sender shows."""

import ssl
import tempfile


def show(context: ssl.SSLContext, certificate_pem: str) -> None:
    """Let the context show a client certificate; the PEM holds its private key as well.

    OpenSSL reads it from a file only, so one exists for a moment, readable by its owner alone.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(certificate_pem)
        file.flush()
        context.load_cert_chain(file.name)

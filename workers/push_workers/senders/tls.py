"""The certificate that a sender shows."""

import ssl
import tempfile


def showing(context: ssl.SSLContext, certificate_pem: str) -> ssl.SSLContext:
    """Return the context, which shows a client certificate now; the PEM has its private key too.

    OpenSSL reads it from a file only, so one exists for a moment, readable by its owner alone.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(certificate_pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context

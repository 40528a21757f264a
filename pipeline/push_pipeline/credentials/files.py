"""Reading a credential's file or variable and its URL, with one clear line where that fails."""

import os
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from push_pipeline.errors import BadCredential

#: A key, a certificate chain or a service account is a few kilobytes; more is another file.
_MOST_BYTES = 256 * 1024


def read_text(what: str, path: str | Path) -> str:
    """Return a file's text.

    Raises:
        BadCredential: when it is missing, unreadable, too large or not text.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise BadCredential(f"{what}: cannot read {path}: {error.strerror}") from None
    if len(raw) > _MOST_BYTES:
        raise BadCredential(f"{what}: {path} is larger than {_MOST_BYTES} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BadCredential(f"{what}: {path} is not a text file") from None


def read_variable(what: str, name: str) -> str:
    """Return what an environment variable holds: the content of such a file.

    Raises:
        BadCredential: it is not set, or empty.
    """
    text = os.environ.get(name, "")
    if not text.strip():
        raise BadCredential(f"{what}: the environment variable {name} is not set")
    return text


def with_line_breaks(pem: str) -> str:
    """Return a PEM text with its line breaks, which one in a variable may have as `\\n`."""
    return pem if "\n" in pem.strip() else pem.replace("\\n", "\n")


def https_address(what: str, url: str) -> tuple[str, int]:
    """Return host and port of an https URL that has no path.

    Raises:
        BadCredential: for any other URL.
    """
    parts = _split(url)
    if (
        parts is None
        or parts.scheme != "https"
        or not parts.hostname
        or parts.path not in ("", "/")
    ):
        raise BadCredential(f"{what}: the URL must look like https://host or https://host:port")
    return parts.hostname, parts.port or 443


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is no number
    except ValueError:
        return None
    return parts

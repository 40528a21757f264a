"""The broker's address: what it may look like, and that TLS means a verified certificate; pure.

No error repeats any of it: where a password was not written as a URL wants it, it may be found in
what looks like the port or the database.
"""

import re
from typing import Final
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

SCHEMES: Final = ("redis", "rediss", "redis+socket", "sentinel", "amqp")

#: Where Redis Sentinel listens unless its address says otherwise.
SENTINEL_PORT: Final = 26_379

#: Between the addresses of brokers that stand in for each other.
_OR: Final = ";"

_DATABASE: Final = re.compile(r"/?(?:\d{1,5}/?)?")


def check_broker_url(url: str) -> str:
    """Return a broker's URL, or those of several, separated by semicolons.

    Raises:
        ValueError: it is none; the text says what to do.
    """
    each = url.split(_OR)
    for one in each:
        _check(one)
    if len({is_rabbitmq(one) for one in each}) > 1:
        raise ValueError("name servers of RabbitMQ only, or none: it is one broker or the other")
    if len({is_sentinel(one) for one in each}) > 1:
        raise ValueError("name sentinels only, or none: they say which server is the master")
    return url


def is_sentinel(url: str) -> bool:
    """Tell whether an address is that of Sentinel, which knows the broker and is none itself."""
    return url.startswith("sentinel://")


def is_rabbitmq(url: str) -> bool:
    """Tell whether an address is that of RabbitMQ, whose queues are then of the type quorum."""
    return url.startswith("amqp://")


def sentinels_in(url: str) -> list[tuple[str, int]]:
    """Return host and port of each sentinel."""
    parts = map(urlsplit, url.split(_OR))
    return [(one.hostname or "127.0.0.1", one.port or SENTINEL_PORT) for one in parts]


def verified(url: str, ca_file: str | None) -> str:
    """Let every TLS address verify the certificate, unless its URL says otherwise.

    kombu alone verifies none where the URL has no option of TLS.
    """
    return _OR.join(_verified(one, ca_file) for one in url.split(_OR))


def tls_of(url: str) -> str:
    """Say for an operator how well an address is protected: that of the weakest of several."""
    return max(map(_tls_of, url.split(_OR)), key=_WORDS.index)


_WORDS: Final = (
    "a socket of this machine",
    "TLS, certificate verified",
    "TLS without a check of the certificate's name",
    "TLS without a check of the certificate",
    "without TLS",
)


def _tls_of(url: str) -> str:
    scheme = url.partition("://")[0]
    if scheme != "rediss":
        return _WORDS[0 if scheme == "redis+socket" else -1]
    said = parse_qs(urlsplit(url).query)
    if said.get("ssl_cert_reqs", ["required"])[-1].lower().removeprefix("cert_") != "required":
        return _WORDS[3]
    named = said.get("ssl_check_hostname", ["true"])[-1].lower() != "false"
    return _WORDS[1 if named else 2]


def _check(url: str) -> None:
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in SCHEMES:
        raise ValueError(
            "start it with redis://, rediss://, redis+socket://, sentinel:// or amqp://"
        )
    parts = _split(url)
    if parts is None or parts.fragment or "@" in f"{parts.path}?{parts.query}":
        raise ValueError(
            "write what is special in a password as %XX: / is %2F, # is %23, ? is %3F, @ is %40"
        )
    if scheme not in ("redis+socket", "amqp") and not _DATABASE.fullmatch(parts.path):
        raise ValueError("end it with the number of a database, as in redis://host:6379/0")


def _split(url: str) -> SplitResult | None:
    """Split a URL; None where it is none, which urllib says with a part of it in the text."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it is the look that fails
    except ValueError:
        return None
    return parts


def _verified(url: str, ca_file: str | None) -> str:
    if not url.startswith("rediss://"):
        return url
    said = parse_qs(urlsplit(url).query)
    wanted = {"ssl_cert_reqs": "required"}
    if ca_file is not None:
        wanted["ssl_ca_certs"] = ca_file
    more = [f"{name}={quote(value)}" for name, value in wanted.items() if name not in said]
    return url + ("&" if said else "?") + "&".join(more) if more else url

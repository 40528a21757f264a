"""How long a connection is waited for before it is given up."""

from typing import NamedTuple


class Patience(NamedTuple):
    """Seconds, each bounded by the call's own deadline as well."""

    #: For the name, all addresses and the TLS handshake together.
    connect: float = 10.0
    #: For one address before the next is tried, where a host has several (as RFC 8305 asks).
    address: float = 3.0
    #: Without a byte, after which a kept connection is asked before it is used: middleboxes
    #: forget a silent flow after some minutes or less without telling anybody.
    idle: float = 10.0
    #: For the answer to that question (a PING); a round trip around the world takes 0.4.
    ping: float = 5.0

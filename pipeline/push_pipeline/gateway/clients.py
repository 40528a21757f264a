"""Where a request comes from, as far as it says who is behind it."""

from ipaddress import IPv6Address, ip_address

#: Bits of an IPv6 address that a provider gives to a customer; the rest is the customer's choice.
_CUSTOMER_BITS = 64


def network_of(address: str) -> str:
    """Return an IPv4 address as it is, of an IPv6 address the customer's network."""
    try:
        parsed = ip_address(address)
    except ValueError:  # a socket file has none
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> _CUSTOMER_BITS << _CUSTOMER_BITS))

"""What a call without a key must be like. Pure.

It may come from any web page that a browser shows: a form or a script of another origin can send
it, without being let read the answer, and a name that is made to point here lets it read as well.
So it says that its body is JSON, which a browser asks leave for, and names a host that is ours.
"""

from ipaddress import ip_address

from push_pipeline.errors import BodyNotDeclared, OperationDenied
from push_pipeline.whereclause import parse_clause
from push_pipeline.whereclause.conditions import columns_of

#: What anybody may be let do. The rest is for keys.
OPENABLE = frozenset({"publish", "register", "read"})

#: The only media type of a body; what a form can send without asking is another one.
JSON = "application/json"

#: How this machine is called from itself.
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE"})

#: Columns of a segment that tell of people; asked one by one they would tell all.
_OF_PEOPLE = frozenset({"user", "ownerId", "deviceToken"})


def require_declared(method: str, content_type: str) -> None:
    """Check that a call says what its body is, also where it is empty.

    Raises:
        BodyNotDeclared: it says something else, or nothing.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if method not in _WITHOUT_BODY and kind != JSON:
        raise BodyNotDeclared


def is_from_here(host: str, own_address: str | None) -> bool:
    """Tell whether a call names this machine as itself, by a connection that is this machine's.

    `own_address` is where the connection arrived.
    """
    try:
        return host in LOOPBACK_NAMES and ip_address(own_address or "").is_loopback
    except ValueError:  # the path of a socket file
        return False


def require_impersonal(clause: str | None) -> None:
    """Check that a segment asks nothing about people.

    Raises:
        OperationDenied: it does.
        InvalidWhereClause: it is faulty.
    """
    names = [column.name for column in columns_of(parse_clause(clause))] if clause else []
    if any(name.partition(".")[0] in _OF_PEOPLE for name in names):
        raise OperationDenied(
            "a segment on ownerId, deviceToken or a user's properties needs a key"
        )

"""What a caller may be allowed to do; pure."""

from collections.abc import Iterable

from push_pipeline.errors import InvalidParameter

SCOPES = ("publish", "register", "read", "admin")


def check_scopes(scopes: Iterable[str]) -> None:
    """Refuse what is no scope.

    Raises:
        InvalidParameter: one is unknown.
    """
    for scope in scopes:
        if scope not in SCOPES:
            raise InvalidParameter(f"unknown scope {scope!r}: use {', '.join(SCOPES)}")

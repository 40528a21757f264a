"""The ids that a host application gives its users: one checked, or a list of recipients."""

from collections.abc import Iterable, Mapping
from typing import Final

from push_pipeline.errors import EmptyAudience, InvalidParameter, MissingParameter
from push_pipeline.options.device_ids import bounded
from push_pipeline.options.texts import is_text

#: Characters. As long as a device id; bounds an index entry.
USER_ID_MAX: Final = 512


def check_user_id(user_id: object) -> str:
    """Return a user's id as it is.

    Raises:
        MissingParameter: it is empty.
        InvalidParameter: it is no text, too long, or holds what no database keeps.
    """
    if user_id is None or user_id == "":
        raise MissingParameter("the user id is missing")
    if not isinstance(user_id, str) or len(user_id) > USER_ID_MAX or not is_text(user_id):
        raise InvalidParameter(f"a user id is a text of at most {USER_ID_MAX} characters")
    return user_id


def read_user_ids(value: object) -> tuple[str, ...]:
    """Return the ids of users in their order, each once; a number is a host's key, and its text.

    Raises:
        EmptyAudience: there is none. Taken for "not set", it would mean everybody.
        InvalidParameter, MissingParameter: one of them is no user's id.
    """
    given = [value] if isinstance(value, str | int) else value
    if not isinstance(given, Iterable) or isinstance(given, Mapping | bytes):
        raise InvalidParameter("pushUsers is a list of the ids of users")
    ids = tuple(dict.fromkeys(_user_id(one) for one in given))
    if not ids:
        raise EmptyAudience("pushUsers names no user: without it everybody is meant")
    return bounded("pushUsers", ids)


def _user_id(given: object) -> str:
    number = isinstance(given, int) and not isinstance(given, bool)
    return check_user_id(str(given) if number else given)

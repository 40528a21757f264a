"""Whom a request's body names, and what else it says of its delivery."""

from collections.abc import Mapping, Sequence
from typing import Any

from push_pipeline.errors import EmptyAudience, InvalidParameter, StrictRefusal
from push_pipeline.field_warning import FieldWarning
from push_pipeline.options import DeliveryOptions, device_ids
from push_pipeline.options.user_ids import read_user_ids
from push_pipeline.settings import get_settings

#: Both spellings of the option, the preferred one first.
NAMES = ("pushUsers", "push_users")

#: Options that a template may have as variables of its own, where the body is the values.
_VALUES_TOO = frozenset(("query", "ttl"))

#: Letters. A shorter name that is nearly an option's may be a value as well.
_SURE = 8


def read_users(body: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the users that a body narrows its audience to; None where it does not.

    Raises:
        EmptyAudience: it names none, or null, which a client may have computed: taken for
            "not set", it would mean everybody.
        InvalidParameter, MissingParameter: as `read_user_ids`.
    """
    named = [body[name] for name in NAMES if name in body]
    if not named:
        return None
    if None in named:
        raise EmptyAudience("pushUsers is null: leave it out to mean everybody")
    return read_user_ids(named[0])


def read_strict(body: Mapping[str, Any]) -> bool:
    """Tell whether a body asks for a refusal where anything of it would have no effect.

    Raises:
        InvalidParameter: it is no truth value.
    """
    strict = body.get("strict")
    if not isinstance(strict, bool | None):
        raise InvalidParameter("strict is true or false")
    return bool(strict)


def refuse_if_strict(warnings: Sequence[FieldWarning], *, strict: bool) -> None:
    """Refuse what has warnings before anything of it is written.

    Raises:
        StrictRefusal: naming them.
    """
    if strict and warnings:
        raise StrictRefusal("; ".join(map(str, warnings)))


def split_users(body: Mapping[str, Any]) -> tuple[tuple[str, ...] | None, dict[str, Any]]:
    """Return the users that a body names, and what else is in it.

    Raises:
        RequestError: as `read_users`.
    """
    return read_users(body), {name: body[name] for name in body if name not in NAMES}


def read_delivery(body: Mapping[str, Any]) -> DeliveryOptions:
    """Return the delivery options of a body; the settings say what an empty list of devices is.

    Raises:
        RequestError: as `DeliveryOptions.from_wire`.
    """
    ignored = get_settings().empty_recipients == "ignore"
    return DeliveryOptions.from_wire(body, empty_means_unset=ignored)


def warnings_of_empty(body: Mapping[str, Any]) -> list[FieldWarning]:
    """Name a list of devices that is empty and was let through: a publisher may have computed it.

    One SDK sends it with every publish.
    """
    empty = [name for name in device_ids.NAMES if body.get(name) == []]
    return [FieldWarning(name, "is empty, so it was taken for not set") for name in empty]


def read_template_push(body: Mapping[str, Any]) -> tuple[Any, DeliveryOptions]:
    """Return the values of a template's variables, and the delivery options beside them.

    One SDK sends the values as the body itself.

    Raises:
        RequestError: as `read_users` and `read_delivery`.
    """
    read_users(body)
    if "templateValues" in body:
        return body["templateValues"], read_delivery(body)
    options = DeliveryOptions.spellings().keys() - _VALUES_TOO
    said = {name: value for name, value in body.items() if name not in options}
    if any(isinstance(value, dict | list) for value in said.values()):
        return None, read_delivery(body)
    judged = {name: body[name] for name in body if name in options or len(name) >= _SURE}
    return said, read_delivery(judged)

"""What becomes of a delivery without an answer: sent again or left; of a message or an app."""

from enum import StrEnum

from push_pipeline.errors import InvalidParameter

#: Characters of an unknown name that an error repeats.
_SHOWN = 40


class UnknownPolicy(StrEnum):
    """Whether a device in doubt is sent to again."""

    ONCE_IF_COLLAPSIBLE = "once-if-collapsible"  # where a second copy replaces the first
    AT_MOST_ONCE = "at-most-once"  # never: it ends as unknown
    AT_LEAST_ONCE = "at-least-once"  # always: it may be shown twice


def read_unknown_policy(value: object) -> UnknownPolicy:
    """Return the policy of a name.

    Raises:
        InvalidParameter: it is none.
    """
    for policy in UnknownPolicy:
        if isinstance(value, str) and value.strip().lower() == policy:
            return policy
    raise InvalidParameter(
        f"unknownPolicy {str(value)[:_SHOWN]!r} is unknown: use {', '.join(UnknownPolicy)}"
    )

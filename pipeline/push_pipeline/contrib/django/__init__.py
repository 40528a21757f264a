"""Push from Django: `publish` inside `transaction.atomic()` is part of that transaction.

Add `"push_pipeline.contrib.django"` to INSTALLED_APPS and say where the broker is in
`PUSH_PIPELINE`. What is heavy is imported at the first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from push_pipeline.contrib.django.publishing import (
        apublish,
        publish,
        publish_on_commit,
        push_to_user,
    )

__all__ = ["apublish", "publish", "publish_on_commit", "push_to_user"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.publishing"), name)

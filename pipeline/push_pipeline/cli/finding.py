"""What a look at an installation found, as `doctor` and the console show it."""

from typing import NamedTuple


class Finding(NamedTuple):
    """What was found. `name` is stable, for scripts."""

    name: str
    ok: bool
    says: str

"""A clock that drills set: libfaketime tells programs another time than the machine's."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from push_pipeline.errors import SetupError

#: Where Debian, Red Hat and Homebrew keep the library.
PLACES = (
    "usr/lib/*/faketime/libfaketimeMT.so.1",
    "usr/lib64/faketime/libfaketimeMT.so.1",
    "usr/local/lib/faketime/libfaketimeMT.so.1",
)


@dataclass(frozen=True, slots=True)
class SteppedClock:
    """The clock of all programs that have its environment. What they measure by goes on as ever.

    Raises:
        SetupError: the library is not on this machine.
    """

    file: Path

    def __post_init__(self) -> None:
        _library()
        self.step(0)

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program needs in its environment."""
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: float) -> None:
        """Let it be so many seconds ahead of the machine's, or behind it."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+g}s")
        new.replace(self.file)


def _library() -> Path:
    for pattern in PLACES:
        for found in Path("/").glob(pattern):
            return found
    raise SetupError("this needs libfaketime: install Debian's libfaketime")

"""The clock that a drill sets: programs see the step, and measure time as ever."""

import subprocess
import sys
from pathlib import Path

import pytest

from push_pipeline.errors import SetupError
from push_pipeline.supervisor import stepped_clock
from push_pipeline.supervisor.stepped_clock import SteppedClock

#: Says at each line that it is given by how much its clock is ahead of what it measures by.
TELL = """
import sys, time
ahead = time.time() - time.monotonic()
for _ in sys.stdin:
    print(round(time.time() - time.monotonic() - ahead), flush=True)
"""


def test_a_program_sees_each_step(tmp_path: Path) -> None:
    clock = SteppedClock(tmp_path / "clock")
    seen = []

    with subprocess.Popen(
        [sys.executable, "-c", TELL],
        env=clock.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        for seconds in (0, 20, -20):
            clock.step(seconds)
            program.stdin.write("\n")
            program.stdin.flush()
            seen.append(int(program.stdout.readline()))

    assert seen == [0, 20, -20]


def test_the_library_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepped_clock, "PLACES", ())

    with pytest.raises(SetupError, match="install Debian's libfaketime"):
        SteppedClock(tmp_path / "clock")

"""Commands run in the test's own process: as in one of their own, without a second's imports.

What only a process shows (its exit, signals, what it inherits) is tested with `processes`.
"""

import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryFile
from unittest.mock import patch

from push_pipeline.cli.root import run
from push_pipeline.settings import reset_settings


def run_cli(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
) -> CompletedProcess[str]:
    """Run `push-pipeline` with the test's settings and those of `env`."""
    words = [str(word) for word in arguments]
    out, errors = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    with (
        TemporaryFile("w+") as given,
        _settings(env or {}),
        chdir(cwd or Path.cwd()),
        patch.object(sys, "stdin", given),
        redirect_stdout(out),
        redirect_stderr(errors),
    ):
        given.write(stdin or "")
        given.seek(0)
        code = run(words)
    return CompletedProcess(words, code, *(_written(one) for one in (out, errors)))


@contextmanager
def _settings(more: Mapping[str, str]) -> Iterator[None]:
    with patch.dict(os.environ, more):
        reset_settings()
        yield
    reset_settings()


def _written(stream: io.TextIOWrapper) -> str:
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]

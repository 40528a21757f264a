"""The whole command line, run by a host's own command with the host's settings."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from push_pipeline import host
from push_pipeline.cli.root import run
from push_pipeline.settings import reset_settings
from push_pipeline.settings_report import variable


def run_with(given: Mapping[str, Any], arguments: Sequence[str], lent: object = None) -> int:
    """Run one command with the settings that a host gives, by field name; return its exit code.

    `lent` are the models of a host that has any, for an import of what they hold.
    It has connections of its own, as the processes that it starts, in which there is no host.
    """
    before = host.joined()
    called = host.run_by(host.program())
    os.environ.update({variable(name): _text(value) for name, value in _said(given)})
    host.join(None)
    reset_settings()
    try:
        return run(arguments, lent)
    finally:
        host.join(before)
        host.run_by(called)
        reset_settings()


def _said(given: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in given.items() if value is not None]


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

"""`manage.py push …`: the whole command line, with the settings of the host."""

import sys
from argparse import REMAINDER
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from push_pipeline.contrib.command_line import run_with
from push_pipeline.contrib.django import conf
from push_pipeline.contrib.django.former_devices import ModelTables
from push_pipeline.errors import PipelineError

#: What Django's own parser took already, each with its value.
_OF_DJANGO = ("--settings", "--pythonpath")


class Command(BaseCommand):
    """Runs one command of push-pipeline; what it starts has no Django in it."""

    help = "Publish, see what became of it, and run the pipeline: `push --help` lists all."
    requires_system_checks: Sequence[str] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take everything, for `call_command("push", …)`."""
        parser.add_argument("arguments", nargs=REMAINDER)

    def run_from_argv(self, argv: list[str]) -> None:
        """Run it as from a shell: its options are ours, `-v` as well."""
        sys.exit(_run(_without_djangos(argv[2:])))

    def handle(self, *_: Any, arguments: Sequence[str], **__: Any) -> None:
        """Run it as from code.

        Raises:
            CommandError: it failed; what it said is on stderr.
        """
        if code := _run(arguments):
            raise CommandError(f"push {arguments[0] if arguments else ''} failed", returncode=code)


def _run(arguments: Sequence[str]) -> int:
    try:
        said = conf.setting_values()
    except PipelineError as error:
        raise CommandError(str(error)) from error
    return run_with(said, arguments, ModelTables())


def _without_djangos(arguments: Sequence[str]) -> list[str]:
    left: list[str] = []
    given = iter(arguments)
    for word in given:
        if word in _OF_DJANGO:
            next(given, None)
        elif not word.startswith(tuple(f"{name}=" for name in _OF_DJANGO)):
            left.append(word)
    return left

"""`flask push …`: the whole command line, with the settings of the host."""

import sys

import click
from flask.cli import with_appcontext

from push_pipeline.contrib.flask.host import HOST

_TAKES_ALL = {
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
    "help_option_names": [],  # `--help` is for push-pipeline
}


@click.command("push", context_settings=_TAKES_ALL)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@with_appcontext
def push(arguments: tuple[str, ...]) -> None:
    """Publish, see what became of it, and run the pipeline: `push --help` lists all."""
    from push_pipeline.contrib.command_line import run_with
    from push_pipeline.errors import PipelineError

    try:
        given = HOST.setting_values()
    except PipelineError as error:
        raise click.ClickException(str(error)) from error
    sys.exit(run_with(given, arguments))

"""The root of the command line: which commands there are, and how an error is told.

Exit codes: 0 done, 1 failed, 2 wrong usage or a wrong setting. An error is one line on stderr
that says what is wrong and what to do; `--traceback` adds where it came from.
"""

import gc
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from push_pipeline.cli import (
    activities,
    adopted,
    apps,
    broadcast_channels,
    console_users,
    demo,
    devices,
    doctor,
    drill,
    flower,
    gateway,
    intervention,
    keys,
    ledger,
    processes,
    publishing,
    schedule,
    setup,
    templates,
    up,
    users,
)
from push_pipeline.cli.output import nothing_logged_of_publishes
from push_pipeline.errors import PipelineError, SettingsError
from push_pipeline.host import program

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

#: They bring an installation of their own and must not read another one's settings.
_ON_THEIR_OWN = frozenset({"up", "demo", "drill", "simulate"})

#: They print what a publish drops or changes.
_TELL_OF_A_PUBLISH = frozenset({"publish", "push", "activity"})

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown")

for command in (
    up.up,
    demo.demo,
    drill.drill,
    publishing.publish,
    templates.push,
    ledger.status,
    ledger.export,
    intervention.cancel,
    intervention.pause,
    intervention.resume,
    intervention.resend,
    doctor.doctor,
    setup.migrate,
    processes.worker,
    processes.beat,
    gateway.gateway,
    flower.flower,
):
    app.command()(command)
app.command(add_help_option=False, context_settings=processes.PASS_ALL_ON)(processes.simulate)
app.add_typer(apps.group, name="app")
app.add_typer(devices.group, name="devices")
app.add_typer(activities.group, name="activity")
app.add_typer(users.group, name="users")
app.add_typer(keys.group, name="keys")
app.add_typer(console_users.group, name="console")
app.add_typer(templates.group, name="template")
app.add_typer(schedule.group, name="schedule")
app.add_typer(broadcast_channels.group, name="broadcast-channel")


@app.callback()
def _root(
    context: typer.Context,
    _traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where an error came from.")
    ] = False,
) -> None:
    """Publish push notifications, deliver them, and see what became of each device."""
    if context.invoked_subcommand not in _ON_THEIR_OWN:
        adopted.adopt()
    if context.invoked_subcommand in _TELL_OF_A_PUBLISH:
        context.with_resource(nothing_logged_of_publishes())


def main() -> None:
    """Run the command line and end the process with its exit code."""
    # What was imported stays to the end. Looking through all of it once more, to find what could
    # be freed when the process ends, took a fifth of a second.
    gc.freeze()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str], lent: object = None) -> int:
    """Run one command and return its exit code.

    `lent` is what a host gives to the command: its models, of which the import reads.
    """
    options = {"prog_name": program(), "standalone_mode": False, "obj": lent}
    try:
        return app(arguments, **options) or DONE
    except TyperException as wrong:
        return _tell(f"{wrong.format_message()} (see --help)", WRONG_USAGE)
    except PipelineError as error:
        return _fail(error, str(error), arguments)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # `export … | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as defect:  # noqa: BLE001 - an operator gets one line, never a traceback
        return _fail(defect, f"{type(defect).__name__}: {defect}", arguments)


def _fail(error: Exception, text: str, arguments: Sequence[str]) -> int:
    if "--traceback" in arguments:
        traceback.print_exception(error)
    return _tell(text, WRONG_USAGE if isinstance(error, SettingsError) else FAILED)


def _tell(text: str, code: int) -> int:
    for line in text.splitlines():
        sys.stderr.write(f"error: {line}\n")
    return code

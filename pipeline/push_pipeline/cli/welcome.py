"""What `up` says when everything runs."""

import getpass
import sys
from pathlib import Path
from shlex import quote
from shutil import which

from push_pipeline.host import PROGRAM, program
from push_pipeline.settings import get_settings
from push_pipeline.supervisor.installation import Installation
from push_pipeline.supervisor.web import HOST, has_console


def welcome(installation: Installation, devices: Path | None) -> str:
    """Say where everything is, and what to try next; `devices` is a list that may be imported."""
    settings = get_settings()
    folder = installation.folder
    api = f"http://{HOST}:{installation.port}" if installation.port else "not installed"
    lines = [
        f"HTTP API   {api}",
        f"console    {_console(installation)}",
        f"Flower     {_flower(installation)}",
        f"app        {settings.app_id}",
        f"API key    {_key(installation)}",
        f"operators  /metrics, with the key in {folder.path / 'operator.key'}",
        f"database   {_place(settings.database_url)}",
        f"logs       {folder.logs}",
    ]
    if installation.providers is not None:
        lines.append(f"providers  simulated; control API at {installation.providers.control_url}")
    steps = next_steps(
        _command(), _shown(folder.path / "up.env"), _shown(devices) if devices else None
    )
    return "\n".join([*lines, "", *steps])


def next_steps(command: str, environment: str, devices: str | None) -> list[str]:
    """Say what to type in another terminal; all of it is ready for a shell."""
    steps = [
        f"set -a; . {environment}; set +a",
        f"{command} devices import {devices or 'FILE'}",
        f'{command} publish default "Hello" --watch',
        f"{command} doctor",
    ]
    return [
        "Everything runs; Ctrl-C stops it. In another terminal, in this folder (by the first line",
        "Python and Celery find the installation too):",
        *(f"  {step}" for step in steps),
    ]


def _command() -> str:
    """Return what calls this program here: a host's, or from a clone one that is not on PATH."""
    if program() != PROGRAM:
        return program()
    if which("push-pipeline"):
        return "push-pipeline"
    beside = Path(sys.executable).with_name("push-pipeline")
    return _shown(beside) if beside.exists() else f"{_shown(Path(sys.executable))} -m push_pipeline"


def _shown(path: Path) -> str:
    here = Path.cwd()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    # A shell looks for a file to source on the PATH, unless a folder is named.
    return quote(str(shown) if len(shown.parts) > 1 else f"./{shown}")


def _flower(installation: Installation) -> str:
    port = installation.flower_port
    return f"http://{HOST}:{port}" if port else "not started"


def _console(installation: Installation) -> str:
    """Make whoever has started it an admin of the console, who signs in once by a link."""
    if installation.port is None or not has_console():
        return "not installed"
    from push_pipeline.cli.console_users import make_admin, make_link

    name = _user()
    make_admin(name)
    link = make_link(name, f"http://{HOST}:{installation.port}")
    again = f"{_command()} console link {name}"
    return f"{link}\nsign in    by that link once, within ten minutes; another one: {again}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container a user need not have a name
        return "operator"


def _key(installation: Installation) -> str:
    """Show the key that was made here; one that was given is known to who gave it."""
    given, file = get_settings().api_key, installation.folder.path / "api.key"
    if given is None or given.get_secret_value() != installation.folder.secret("api.key"):
        return "that of PIPELINE_API_KEY"
    return f"{given.get_secret_value()} (kept in {file})"


def _place(url: str) -> str:
    """Name a database without its password, which may stand among the options too."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"

"""`gateway`: the HTTP API alone."""

from typing import TYPE_CHECKING, Annotated

import typer

from push_pipeline.cli.parameters import Port
from push_pipeline.errors import SettingsError

if TYPE_CHECKING:
    from fastapi import FastAPI


def gateway(
    host: Annotated[str, typer.Option(help="0.0.0.0 to be reached from outside.")] = "127.0.0.1",
    port: Port = 8080,
    operator_port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="For /metrics and /readyz alone, without a key."),
    ] = None,
    console: Annotated[
        bool, typer.Option("--console", help="Also serve the console, below /console/.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that serve: one for each core, or fewer.")
    ] = 1,
) -> None:
    """Serve the HTTP API. SIGTERM or Ctrl-C stops it when what it has begun is answered."""
    try:
        from push_pipeline.gateway.server import serve  # an extra that may be missing
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{error.name} is not installed: pip install push-pipeline[gateway]"
        ) from error
    if console:
        _require_console()
    serve(host, port, operator_port, _console if console else None, workers)


def _require_console() -> None:
    try:
        import push_pipeline.console.app  # noqa: F401 - an extra that may be missing
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{error.name} is not installed: pip install push-pipeline[console]"
        ) from error


def _console() -> "FastAPI":
    from push_pipeline.cli.checks import examine
    from push_pipeline.console.app import create_console

    return create_console(examine)

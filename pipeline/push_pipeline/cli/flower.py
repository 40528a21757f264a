"""`flower`: look at workers and tasks in a browser."""

import importlib.util
from ipaddress import ip_address
from typing import Annotated

import typer

from push_pipeline.cli.parameters import Port
from push_pipeline.cli.processes import become
from push_pipeline.errors import SettingsError
from push_pipeline.supervisor import commands


def flower(
    host: Annotated[str, typer.Option(help="0.0.0.0 to be reached from outside.")] = "127.0.0.1",
    port: Port = 5555,
) -> None:
    """Serve Flower, which shows workers and tasks and changes nothing.

    From beyond this machine it asks for the user `operator` and the operators' key.
    """
    from push_pipeline import queues
    from push_pipeline.settings import get_settings
    from push_pipeline.supervisor.web import check_port

    if importlib.util.find_spec("flower") is None:
        raise SettingsError("flower is not installed: pip install push-pipeline[flower]")
    queues.broker_url()
    beyond = not is_loopback(host)
    if beyond and get_settings().operator_key is None:
        raise SettingsError(
            f"PIPELINE_OPERATOR_KEY is not set: who asks Flower on {host} must show it"
        )
    become(commands.flower(host, check_port(host, port, "--port"), protected=beyond))


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address; a name but localhost may mean any."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

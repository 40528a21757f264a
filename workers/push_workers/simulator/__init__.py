"""Stand-ins for APNs and FCM that enforce the providers' rules; shipped, not a test double.

`python -m push_workers.simulator` runs it as a program; `Simulator` runs it inside a test;
`SimulatorClient` steers one that runs elsewhere. All three offer the same controls. What they
need is imported when they are first asked for, so that the program's `--help` does not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from push_workers.simulator.client import SimulatorClient
    from push_workers.simulator.simulator import Simulator

__all__ = ["Simulator", "SimulatorClient"]

_HOMES = {"Simulator": "simulator", "SimulatorClient": "client"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

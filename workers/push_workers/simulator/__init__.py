"""Stand-ins for APNs and FCM that enforce the providers' rules; shipped, not a test double.

`python -m push_workers.simulator` runs it as a program; `Simulator` runs it inside a test;
`SimulatorClient` steers one that runs elsewhere. All three offer the same controls.
"""

from push_workers.simulator.client import SimulatorClient
from push_workers.simulator.simulator import Simulator

__all__ = ["Simulator", "SimulatorClient"]

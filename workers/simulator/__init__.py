"""Stand-ins for APNs and FCM that enforce the providers' rules; shipped, not a test double.

`python -m workers.simulator` runs it as a program; `Simulator` runs it inside a test;
`SimulatorClient` steers one that runs elsewhere. All three offer the same controls.
"""

from workers.simulator.client import SimulatorClient
from workers.simulator.simulator import Simulator

__all__ = ["Simulator", "SimulatorClient"]

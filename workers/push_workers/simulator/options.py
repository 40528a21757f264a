"""How a simulator is started."""

from dataclasses import dataclass, field
from pathlib import Path

from push_workers.simulator.behaviour import Behaviour


@dataclass(frozen=True)
class Options:
    """Ports may be 0: the system then chooses. `time_scale` shortens the providers' minutes."""

    dir: Path
    apns_port: int = 0
    fcm_port: int = 0
    webpush_port: int = 0
    control_port: int = 0
    workers: int = 1
    fast: bool = False  # no log, a provider token is verified once and never ages
    seed: int = 0
    time_scale: float = 1.0
    behaviour: Behaviour = field(default_factory=Behaviour)

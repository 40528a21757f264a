"""Everything behind the listeners: one object that checks, faults and controls share."""

from cryptography.hazmat.primitives import serialization

from push_workers.simulator.allowance import Allowance
from push_workers.simulator.behaviour import Behaviour
from push_workers.simulator.channels import Channels
from push_workers.simulator.clock import Clock
from push_workers.simulator.devices import Registry
from push_workers.simulator.identity import KEY_ID, PROJECT_ID, TEAM_ID, TOPIC, Identity
from push_workers.simulator.journal import Journal
from push_workers.simulator.keyring import KeyRing, SigningKey
from push_workers.simulator.rules import RuleBook
from push_workers.simulator.subscriptions import Subscriptions
from push_workers.simulator.tally import RequestCounts


class World:
    """The state of one simulator process. Lives on one event loop; nothing in it is locked."""

    def __init__(
        self, identity: Identity, behaviour: Behaviour, *, seed: int, scale: float, fast: bool
    ) -> None:
        self.identity = identity
        self.fast = fast
        self.clock = Clock(scale)
        self.behaviour = behaviour
        self.rules = RuleBook(seed)
        self.registry = Registry()
        self.journal = Journal(fast=fast)
        self.allowance = Allowance()
        self.subscriptions = Subscriptions()
        self.channels = Channels()
        self.keyring = KeyRing([_own_key(identity)])
        self.key_updates: dict[str, tuple[str, float]] = {}  # key id -> its last JWT, since when
        self.push_keys: dict[str, str] = {}  # subscription -> the key that it was made with
        self.tally = RequestCounts()
        self.tokens_revoked_at = 0.0  # epoch seconds: access tokens issued earlier are refused
        self.era = 0  # a request that was delayed across a reset is forgotten
        self._first_behaviour = behaviour

    @property
    def topics(self) -> frozenset[str]:
        """The bundle ids of the team."""
        return frozenset({TOPIC, *self.behaviour.topics})

    @property
    def projects(self) -> frozenset[str]:
        """The Firebase projects that exist."""
        return frozenset({PROJECT_ID, *self.behaviour.projects})

    def reset(self) -> None:
        """Go back to the state at the start; connections and issued access tokens stay."""
        self.era += 1
        self.behaviour = self._first_behaviour
        self.clock.offset = 0.0
        self.rules.clear()
        self.registry.clear()
        self.journal.clear()
        self.allowance.clear()
        self.subscriptions.clear()
        self.channels.clear()
        self.keyring.reset()
        self.key_updates.clear()
        self.push_keys.clear()
        self.tally.clear()


def _own_key(identity: Identity) -> SigningKey:
    pem = identity.apns_public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return SigningKey(key_id=KEY_ID, team_id=TEAM_ID, public_key=pem.decode())

"""What APNs remembers about one connection: who it belongs to, how often it erred."""

from push_workers.simulator.keyring import ProviderToken


class Binding:
    """Bound to a team and key by the first good provider token, or to a certificate's topic."""

    __slots__ = ("certificate_topic", "errors", "jwt", "jwt_since", "token")

    def __init__(self) -> None:
        self.certificate_topic: str | None = None  # None: no client certificate
        self.jwt = ""
        self.jwt_since = 0.0  # epoch seconds
        self.token: ProviderToken | None = None
        self.errors = 0  # weighted error answers

    @property
    def is_trusted(self) -> bool:
        """Say whether the connection has shown a good credential."""
        return self.token is not None or self.certificate_topic is not None

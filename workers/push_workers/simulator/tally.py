"""What is counted on connections; one object for all of a process."""


class RequestCounts:
    """Counts since the start or the last reset. The control API shows them by these names."""

    __slots__ = (
        "connections",
        "connects_refused",
        "cuts",
        "farewells",
        "goaways",
        "http1_connections",
        "ignored",
        "peak_streams",
        "pings",
        "priorities",
        "refused",
        "resets",
        "tls_handshakes",
        "token_fetches",
    )

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Start again at zero."""
        self.connections = 0
        self.connects_refused = 0  # turned away because too many came at once
        self.cuts = 0  # connections broken on purpose
        self.farewells = 0  # GOAWAY frames received
        self.goaways = 0  # GOAWAY frames written
        self.http1_connections = 0
        self.ignored = 0  # streams that came after a GOAWAY
        self.peak_streams = 0  # most open streams on one connection
        self.pings = 0
        self.priorities = 0  # PRIORITY frames: Apple asks clients not to send them
        self.refused = 0  # streams over the limit, answered with REFUSED_STREAM
        self.resets = 0  # RST_STREAM frames received
        self.tls_handshakes = 0
        self.token_fetches = 0  # calls of Google's token endpoint

    def as_json(self) -> dict[str, int]:
        """Return all counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}

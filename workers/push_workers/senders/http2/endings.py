"""How one request ended: answered, refused, not sent, or unknown."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Self, cast

import hpack
from hpack import Decoder

Fields = list[tuple[bytes, bytes]]


class Ended(StrEnum):
    """The four ways a request can end; only `UNKNOWN` may have been processed unseen."""

    ANSWER = "answer"  # a complete answer, of whatever status
    REFUSED = "refused"  # the peer guarantees that it was not processed (RFC 9113, 8.7 and 6.8)
    NOT_SENT = "not sent"  # no byte of its HEADERS left this process
    UNKNOWN = "unknown"  # bytes were written and no complete answer came


class Ending:
    """One request's end. Made once and not changed.

    `detail` is a short machine word where there is no answer (`ConnectionLost`, `Timeout`,
    `GoAway:Shutdown`), empty otherwise. The headers of an answer stay as they came until one is
    asked for: most answers are a plain 200 that nobody reads further.
    """

    __slots__ = ("_headers", "body", "detail", "kind", "status")

    def __init__(
        self,
        kind: Ended,
        status: int = 0,
        body: bytes = b"",
        headers: bytes | Fields = b"",
        detail: str = "",
    ) -> None:
        self.kind = kind
        self.status = status
        self.body = body
        self.detail = detail
        self._headers = headers

    def header(self, name: str) -> str | None:
        """The first value of a header, None where there is none or the block is unreadable."""
        try:
            fields = self._headers if isinstance(self._headers, list) else decode(self._headers)
        except hpack.HPACKError:
            return None
        wanted = name.lower().encode("latin-1", "replace")
        return next((value.decode("latin-1") for key, value in fields if key == wanted), None)

    def __repr__(self) -> str:
        return f"Ending({self.kind.value!r}, {self.status}, {self.detail!r})"


#: What is kept of a request's end: of an answer 200, where nobody asks for more, its body alone.
Kept = Ending | bytes


class Replies(NamedTuple):
    """How the requests of a batch ended: nearly all with 200, and these are their bodies alone."""

    bodies: Sequence[bytes]  # of those that were answered 200, in the order of the requests
    others: dict[int, Ending]  # all the others, by request

    @classmethod
    def of(cls, kept: Sequence[Kept]) -> Self:
        """Tell the bodies from the endings."""
        if {*map(type, kept)} <= {bytes}:  # nearly always
            return cls(cast("Sequence[bytes]", kept), {})
        return cls(
            [one for one in kept if isinstance(one, bytes)],
            {n: one for n, one in enumerate(kept) if isinstance(one, Ending)},
        )

    def __len__(self) -> int:
        return len(self.bodies) + len(self.others)


def decode(block: bytes) -> Fields:
    """Read a header block that refers to nothing before it (the table's size is 0).

    Raises:
        hpack.HPACKError: the block is damaged, or it is not self-contained after all.
    """
    decoder = Decoder()
    decoder.header_table_size = decoder.max_allowed_table_size = 0
    return [(bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True)]

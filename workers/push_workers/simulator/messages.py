"""A request and its answer, as the checks see them, whatever carried them."""

from enum import StrEnum
from typing import NamedTuple


class Request(NamedTuple):
    """One complete request. Header names are lower case, pseudo-headers are not among them.

    A header's value has one character for each of its bytes, so its length is in bytes.
    """

    stream: int  # 0 on HTTP/1.1
    method: str
    path: str
    headers: dict[str, str]
    repeated: bool  # some header came twice
    body: bytes
    arrived: float  # epoch seconds, when its last byte was read


class Answer(NamedTuple):
    """What the provider says. `reason` is its own word, empty on success."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    reason: str = ""


class Finding(NamedTuple):
    """What the checks found: the answer to give, and whom and what the request was about."""

    answer: Answer
    token: str = ""
    topic: str = ""
    logical_id: str = ""  # equal for two requests that mean the same notification
    push: "Push | None" = None  # None where nothing would reach a device


class Push(NamedTuple):
    """What a device would get."""

    payload: bytes
    collapse: str  # apns-collapse-id, collapse_key or tag; empty: none
    expires_at: float | None  # epoch seconds; 0: never stored; None: the provider's own limit
    timestamp: int | None = None  # of a Live Activity's event


class Shape(StrEnum):
    """How the body of an error answer is put on the wire."""

    WHOLE = "whole"
    SPLIT = "split"  # over two DATA frames
    EMPTY = "empty"  # HEADERS, then an empty DATA frame
    NONE = "none"  # HEADERS alone
    TEXT = "text"  # not JSON

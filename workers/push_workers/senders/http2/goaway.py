"""What a GOAWAY says: the last stream that was processed, and why the peer leaves."""

import json
import re
from typing import NamedTuple

from push_workers.senders.http2 import frames
from push_workers.senders.http2.frames import ErrorCode, PeerViolation

#: Bytes of the last stream and of the error code; debug data follows (RFC 9113, 6.8).
WORD_BYTES = 4
#: Characters of a reason that are kept, and which: it ends in logs and metrics.
REASON = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Goaway(NamedTuple):
    """Streams above `last` were not processed."""

    last: int
    detail: str  # "GoAway:" and APNs' reason, or the name of the error code


def read_goaway(payload: bytes) -> Goaway:
    """Read a GOAWAY frame's payload.

    Raises:
        PeerViolation: it is too short.
    """
    if len(payload) < 2 * WORD_BYTES:
        raise PeerViolation(ErrorCode.FRAME_SIZE_ERROR, "FrameSize")
    last = int.from_bytes(payload[:WORD_BYTES], "big") & frames.LARGEST
    code = int.from_bytes(payload[WORD_BYTES : 2 * WORD_BYTES], "big")
    reason = _reason(payload[2 * WORD_BYTES :]) or frames.error_word(code)
    return Goaway(last, f"GoAway:{reason}")


def _reason(debug: bytes) -> str | None:
    """The `reason` of APNs' debug data, which is JSON; None for anything else."""
    try:
        reason = json.loads(debug)["reason"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return reason if isinstance(reason, str) and REASON.fullmatch(reason) else None

"""The badges of a slice's devices: changed once for each message and device, before it is sent.

The change and the note of it (`badged` of the batch's row) are one transaction, and a batch of a
later attempt comes with all of its members noted: neither a retry nor a second worker counts a
device twice. The price is the other way round: after a SIGKILL between this and the sending, or
where the provider refuses the push in the end, a device's count has a message that it did not
get. It stays too high by that until the app says its badge, or a push sets it.
"""

from collections.abc import Mapping

from push_pipeline import db
from push_pipeline.devices.badges import change_badges, find_badges
from push_pipeline.directory.apps import note_that_badges_count
from push_pipeline.ledger.batches import note_badged
from push_workers.delivery.claim import Claim, Slice
from push_workers.delivery.process import RunFacts


def count_badges(claim: Claim, part: Slice, run: RunFacts) -> Mapping[int, int]:
    """Change the badges that this message changes; return the counts that are said to devices.

    They are as of now, with what other messages have added meanwhile.

    Raises:
        LeaseLost: somebody else has the batch; nothing was changed.
    """
    change = run.badge_change(claim.batch.platform)
    if change is None:
        return {}
    with db.writing() as connection:
        uncounted = _targets(claim, max(part.start, claim.badged), part.end)
        if claim.badged < part.end:
            note_badged(connection, claim.batch.id, claim.number, part.end)
            change_badges(connection, uncounted, change)
            if change.raised and not run.run.counts_badges:
                note_that_badges_count(connection, run.run.app_id)
        here = _targets(claim, part.start, part.end)
        counts = find_badges(connection, here) if change.raised else None
    claim.badged = max(claim.badged, part.end)
    return {} if counts is None else dict.fromkeys(here, 0) | counts


def _targets(claim: Claim, start: int, end: int) -> list[int]:
    return [key for key in claim.members[start:end] if key in claim.targets]

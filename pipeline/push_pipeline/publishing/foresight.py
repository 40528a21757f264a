"""What the database knows of drafts before they are written: that nobody is there to get them."""

from collections.abc import Sequence
from dataclasses import dataclass

from push_pipeline.db import Connection
from push_pipeline.devices.channels import find_neighbours, find_populated
from push_pipeline.field_warning import FieldWarning
from push_pipeline.options import EVERY_CHANNEL
from push_pipeline.options.channel import near_name
from push_pipeline.publishing.draft import Draft


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a draft will not do, as things stand."""

    warnings: tuple[FieldWarning, ...] = ()


def foresee(connection: Connection, drafts: Sequence[Draft]) -> list[Foresight]:
    """Look at whom drafts, each with its app's id, are for: a few indexed look-ups for all.

    Raises:
        StrictRefusal: one is strict, and has warnings.
    """
    populated = _populated(connection, drafts)
    foreseen = []
    for draft in drafts:
        found: tuple[FieldWarning, ...] = ()
        if _asks_who_is_in(draft) and (draft.app_id, draft.channel) not in populated:
            found = (_nobody_in(connection, draft),)
        draft.refuse_if_strict(found)
        foreseen.append(Foresight(found))
    return foreseen


def _populated(connection: Connection, drafts: Sequence[Draft]) -> set[tuple[str, str]]:
    named: dict[str, set[str]] = {}
    for draft in drafts:
        if _asks_who_is_in(draft):
            named.setdefault(draft.app_id, set()).add(draft.channel)
    return {
        (app_id, name)
        for app_id, names in named.items()
        for name in find_populated(connection, app_id, names)
    }


def _asks_who_is_in(draft: Draft) -> bool:
    return draft.channel != EVERY_CHANNEL and bool(draft.to.platforms)


def _nobody_in(connection: Connection, draft: Draft) -> FieldWarning:
    near = near_name(draft.channel, find_neighbours(connection, draft.app_id, draft.channel))
    hint = f", did you mean {near!r}?" if near is not None else ""
    return FieldWarning("channel", f"nobody is in {draft.channel!r}{hint}")

"""The promises, as what must be true of any change and at the end; each names its number.

P6, P8 and P10 speak of speed, of memory and of the network: faults and benches hold them.
"""

import json
from collections import Counter
from collections.abc import Iterator

from push_pipeline.ledger.state_machine import (
    MessageMove,
    MessageState,
    RunMove,
    RunState,
)
from push_pipeline.schedule import EARLY_MS
from tests.simulation.picture import PARTS, Picture, Row
from tests.simulation.truth import Truth

_MESSAGE_MOVES = {(a, b) for move in MessageMove for a in move.sources for b in move.targets}
_RUN_MOVES = {(a, b) for move in RunMove for a in move.sources for b in move.targets}

#: Several moves in one transaction: begun with the first page, which may be the last, or empty.
_RUN_MOVES |= {
    (RunState.SCHEDULED, RunState.SENDING),
    (RunState.SCHEDULED, RunState.FINISHED),
    (RunState.FANNING, RunState.FINISHED),
}
_FIRST_STATES = {RunState.SCHEDULED, RunState.SKIPPED}

#: What a device may end as whose push surely did not arrive.
_NOT_ARRIVED = ("expired", "cancelled")


def keep_on_change(before: Picture, after: Picture, truth: Truth, now: int) -> None:
    """Check what must be true whatever has just been committed."""
    nobody_is_lost(after)
    ledgers_balance(after)
    states_move_as_drawn(before, after)
    ends_are_true(before, after, truth)
    runs_fire_in_time(before, after, now)
    routes_rest(before, after, now)
    devices_stay(before, after, truth)


def nobody_is_lost(after: Picture) -> None:
    """P1, P2: each member of a run waits in one place, or has ended once."""
    places: dict[int, Counter[int]] = {key: Counter() for key in after.run}
    members: dict[int, set[int]] = {key: set() for key in after.run}
    for batch in after.batch.values():
        members[batch["run_id"]].update(batch["members"])
        if batch["finished_at"] is None:
            places[batch["run_id"]].update(batch["members"][batch["settled"] :])
    for run_id, device in after.delivery:
        places[run_id][device] += 1
    for run_id, run in after.run.items():
        assert len(members[run_id]) == run["audience"], ("P1: audience", run, members[run_id])
        assert places[run_id] == Counter(members[run_id]), ("P1: one place", run, places[run_id])


def ledgers_balance(after: Picture) -> None:
    """P3: audience = accepted + rejected + expired + cancelled + unknown + in flight."""
    for batch in after.batch.values():
        ended = sum(batch[part] for part in PARTS)
        assert ended + batch["moved"] == batch["settled"], ("P3: batch", batch)
        assert batch["settled"] <= batch["doubt_end"] <= batch["size"], ("P3: bounds", batch)
        assert batch["finished_at"] is None or batch["settled"] == batch["size"], ("P3: end", batch)
    told = Counter((run_id, outcome) for (run_id, _), outcome in after.delivery.items())
    for run_id, run in after.run.items():
        audience = sum(one["size"] - one["moved"] for one in after.batches_of(run_id))
        assert audience == run["audience"], ("P3: audience", run, after.batches_of(run_id))
        for part in PARTS:
            assert after.sum_of(run_id, part) == told[run_id, part], ("P3", run, part)


def states_move_as_drawn(before: Picture, after: Picture) -> None:
    """States follow the drawing, and what has ended stays as it is."""
    for key, run in after.run.items():
        old = before.run.get(key)
        if old is None:
            assert run["state"] in _FIRST_STATES, ("state of a new run", run)
        else:
            _moves(old, run, _RUN_MOVES)
    for key, message in after.message.items():
        _moves(before.message.get(key, message), message, _MESSAGE_MOVES)
        if message["state"] in (MessageState.PUBLISHED, MessageState.FAILED):
            open_runs = [one for one in _runs_of(after, key) if one["finished_at"] is None]
            assert not open_runs, ("a message ended before its runs", message, open_runs)
    for key, batch in after.batch.items():
        _only_grows(before.batch.get(key, batch), batch)


def _moves(old: Row, new: Row, allowed: set[tuple[str, str]]) -> None:
    if old["state"] != new["state"]:
        assert (old["state"], new["state"]) in allowed, ("a move that is not drawn", old, new)


def _only_grows(old: Row, new: Row) -> None:
    assert old["finished_at"] is None or old == new, ("a finished batch changed", old, new)
    for name in (*PARTS, "moved", "resent", "claims", "settled"):
        assert old[name] <= new[name], ("a counter went back", old, new)


def ends_are_true(before: Picture, after: Picture, truth: Truth) -> None:
    """P2: what is accepted was; what is said not to have arrived has not; an end is for good."""
    for key, outcome in before.delivery.items():
        assert after.delivery.get(key) == outcome, ("P2: an end changed", key, outcome)
    for key in after.delivery.keys() - before.delivery.keys():
        outcome = after.delivery[key]
        if outcome == "accepted":
            assert key in truth.accepted, ("P2: nobody accepted it", key)
        if outcome in _NOT_ARRIVED:
            assert not truth.copies[key], ("P2: it arrived", key, outcome, truth.copies[key])
        if outcome == "rejected":
            arrived = truth.copies[key] and key not in truth.refused
            assert not arrived, ("P2: it arrived, nobody refused it", key)


def runs_fire_in_time(before: Picture, after: Picture, now: int) -> None:
    """P5: no run begins early or after its repeat has ended; one run for each time."""
    for key, run in after.run.items():
        options = _options(after.message[run["message_id"]])
        every, until = options.get("repeatEvery") or 0, options.get("repeatExpiresAt")
        first = next(one for one in _runs_of(after, run["message_id"]) if one["n"] == 1)
        due = first["due_at"] + (run["n"] - 1) * every * 1000
        assert run["due_at"] == due, ("P5: drift", run, first)
        if run["n"] > 1 and until:
            assert run["due_at"] <= until, ("P5: after the end of the repeat", run, until)
        if run["started_at"] and not before.run.get(key, run)["started_at"]:
            assert now >= run["due_at"] - EARLY_MS, ("P5: early", run, now)


def routes_rest(before: Picture, after: Picture, now: int) -> None:
    """P7: no slice is begun on a route that rests."""
    for key, batch in after.batch.items():
        old = before.batch.get(key)
        if old is None or not _began_slice(old, batch, now):
            continue
        route = route_of(before, batch)
        rests = [one.credential[route]["paused_until"] or 0 for one in (before, after)]
        # Who probes closes the route for all others as it begins, and may open it as it ends.
        assert min(rests) <= now, ("P7: the route rests", after.credential[route], old, batch)


def _began_slice(old: Row, new: Row, now: int) -> bool:
    taken = new["lease_until"] is not None and new["lease_until"] > now
    return taken and (old["claims"], old["settled"]) != (new["claims"], new["settled"])


def route_of(picture: Picture, batch: Row) -> int:
    """Return the credential that a batch goes by."""
    provider = "apns" if batch["environment"] else "fcm"
    return next(one["id"] for one in picture.credential.values() if one["provider"] == provider)


def devices_stay(before: Picture, after: Picture, truth: Truth) -> None:
    """P9: a token is put out of service on evidence that is about it and not out of date."""
    for key, device in after.device.items():
        old = before.device.get(key)
        if old is None or old["state"] != "active" or device["state"] == "active":
            continue
        evidence = truth.evidence[key]
        fresh = [one for one in evidence if one.speaks_of(device["token"], device["registered_at"])]
        assert fresh, ("P9: without evidence", device, evidence)
        assert any(one.is_believed for one in fresh), ("P9: through an untried route", device)


def keep_on_send(
    picture: Picture, truth: Truth, batch: Row, claim: int, devices: list[int]
) -> None:
    """P2, P4: nobody who has ended is sent to, and nothing of what was cancelled before."""
    noted = truth.noted[batch["id"], claim]
    run = picture.run[batch["run_id"]]
    cancelled = truth.cancelled.get(run["message_id"])
    assert cancelled is None or noted < cancelled, ("P4: sent after cancel", run, batch)
    if batch["claims"] == claim:  # who was overtaken does not know
        ended = [one for one in devices if (run["id"], one) in picture.delivery]
        assert not ended, ("P2: sent to again", batch, ended)


def keep_at_the_end(picture: Picture, truth: Truth, policy: str) -> None:
    """P1, P2, P3, P5: when all is calm nothing is open, and every copy too many is counted."""
    for run in picture.run.values():
        assert run["finished_at"] is not None, (
            "P1: never ended",
            run,
            picture.batches_of(run["id"]),
        )
    for message in picture.message.values():
        assert message["ended_at"] is not None, ("P1: never ended", message)
    extra: Counter[int] = Counter()
    for (run_id, _), copies in truth.copies.items():
        extra[run_id] += max(0, copies - 1)
    for run_id in picture.run:
        counted = picture.sum_of(run_id, "resent")
        assert extra[run_id] <= counted, ("P2: copies not counted", run_id, extra, counted)
        if run_id not in truth.troubled:
            assert not counted, ("P2: counted, and nothing had happened", run_id, counted)
            assert not extra[run_id], ("P2: sent twice, and nothing had happened", run_id)
        if policy == "at-most-once":
            assert not extra[run_id], ("P2: more than once", run_id, truth.copies)


def _runs_of(picture: Picture, message_id: str) -> Iterator[Row]:
    return (one for one in picture.run.values() if one["message_id"] == message_id)


def _options(message: Row) -> Row:
    options: Row = json.loads(message["delivery_options"])
    return options

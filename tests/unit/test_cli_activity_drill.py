"""What the drill of activities calls a promise that was not kept."""

from typing import Any

import pytest

from push_pipeline.cli.activity_drill import judge_copies, judge_states


def run(**counts: Any) -> Any:
    return {"state": "finished", "audience": 10, "accepted": 8, "resent": 3, **counts}


@pytest.mark.parametrize(
    ("seen", "ok"),
    [
        (run(), True),
        (run(audience=8), True),  # the dead ones had ended before
        (run(accepted=7), False),
        (run(audience=11), False),
        (run(state="sending"), False),
    ],
)
def test_a_state_that_did_not_reach_somebody_is_told(seen: Any, ok: bool) -> None:
    [line] = judge_states([seen], living=8, dead=2)
    assert line.ok is ok


@pytest.mark.parametrize(("copies", "ok"), [(16, True), (22, True), (23, False), (15, False)])
def test_a_copy_that_nobody_counted_is_told(copies: int, ok: bool) -> None:
    assert judge_copies([run(), run()], copies).ok is ok

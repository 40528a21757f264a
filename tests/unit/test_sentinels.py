"""What an operator is told of the sentinels."""

import pytest

from push_pipeline.sentinels import Answer, judged

WELL = Answer("a:1", master="10.0.0.1:6379", replicas=1)


@pytest.mark.parametrize(
    ("answers", "ok", "says"),
    [
        ([WELL, WELL], True, "push is 10.0.0.1:6379, 1 replica, 2 sentinels asked"),
        ([Answer("a:1", error="TimeoutError")], False, "PIPELINE_BROKER_MASTER is the name"),
        ([WELL, Answer("b:2", error="TimeoutError")], False, "not heard: b:2 (TimeoutError)"),
        ([WELL, Answer("b:2", master="10.0.0.2:6379", replicas=1)], False, "do not agree"),
        ([Answer("a:1", master="10.0.0.1:6379")], False, "no replica to fail over to"),
        ([Answer("a:1", master="10.0.0.1:6379", replicas=1, down=True)], False, "under way"),
    ],
)
def test_a_failover_that_would_not_go_well_is_told(
    answers: list[Answer], ok: bool, says: str
) -> None:
    verdict = judged("push", answers)

    assert verdict[0] is ok
    assert says in verdict[1]

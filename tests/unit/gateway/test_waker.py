"""Wake-ups are sent behind the answers: all of them, and many at once."""

import threading

import pytest

from push_pipeline import queues
from push_pipeline.gateway.waker import waking_behind
from push_pipeline.queues import Wake


def test_what_comes_while_others_are_sent_goes_together_and_none_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[list[int]] = []
    begun, go_on = threading.Event(), threading.Event()

    def note(todo: list[Wake]) -> bool:
        sent.append([one.key for one in todo])
        begun.set()
        return go_on.wait(10)

    monkeypatch.setattr(queues, "wake_now", note)
    with waking_behind():
        queues.wake([queues.wake_for_run(1, "app")])
        assert begun.wait(10)
        for key in range(2, 6):
            queues.wake([queues.wake_for_run(key, "app")])
        go_on.set()

    assert sent == [[1], [2, 3, 4, 5]]

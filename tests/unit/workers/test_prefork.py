"""What a worker does once, before it forks."""

import gc

from push_workers.consumer.prefork import keep_apart


def test_the_collector_passes_over_what_was_there_before_the_fork() -> None:
    loaded = [{"a": []}]
    keep_apart()
    try:
        known = {id(one) for one in gc.get_objects()}
        assert id(loaded) not in known
        assert gc.get_freeze_count() > len(known)
    finally:
        gc.unfreeze()

"""What a task message does: what is next in its queue, and not what it names."""

from collections.abc import Callable

from push_pipeline.turns import TRIED_MAX, serve


def working(done: list[int], *over: int) -> Callable[[int], bool]:
    def work(key: int) -> bool:
        done.append(key)
        return key not in over

    return work


def test_a_message_does_one_thing_the_next_and_leaves_the_others() -> None:
    done: list[int] = []
    following = iter([3, 4])

    serve(9, following, working(done))

    assert done == [3]
    assert list(following) == [4]


def test_a_message_passes_over_what_is_done_already() -> None:
    done: list[int] = []

    serve(9, iter([3, 4, 5]), working(done, 3, 4))

    assert done == [3, 4, 5]


def test_a_message_whose_key_has_no_turn_does_what_it_names() -> None:
    done: list[int] = []

    serve(9, (), working(done))
    serve(8, iter([3]), working(done, 3))

    assert done == [9, 3, 8]


def test_a_message_tries_so_many_and_takes_no_more_out_of_the_order() -> None:
    done: list[int] = []
    following = iter(range(TRIED_MAX + 5))

    serve(999, following, working(done, *range(TRIED_MAX + 5)))

    assert done == [*range(TRIED_MAX), 999]
    assert list(following) == [*range(TRIED_MAX, TRIED_MAX + 5)]

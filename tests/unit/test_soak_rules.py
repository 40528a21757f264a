"""What a soak calls growth."""

import pytest

from tests.bench.soak import Look, judge

MB = 2**20


def course(*looks: Look) -> list[str]:
    return judge("worker", looks).grew


def test_what_is_flat_after_it_was_warm_has_not_grown() -> None:
    cold, warm = Look(10 * MB, 1, 8), Look(60 * MB, 9, 30)
    assert course(*[cold] * 4, *[warm] * 12) == []


@pytest.mark.parametrize(
    ("end", "grew"),
    [
        (Look(64 * MB, 9, 30), []),
        (Look(90 * MB, 9, 30), ["memory"]),
        (Look(60 * MB, 30, 52), ["sockets", "files"]),
        (Look(60 * MB, 9, 60), ["files"]),
    ],
)
def test_growth_beyond_the_tolerance_is_named(end: Look, grew: list[str]) -> None:
    assert course(*[Look(60 * MB, 9, 30)] * 12, *[end] * 4) == grew


def test_a_peak_is_no_growth() -> None:
    warm = Look(60 * MB, 9, 30)
    assert course(*[warm] * 14, Look(600 * MB, 90, 300), warm) == []


def test_nothing_is_said_of_a_process_that_was_hardly_seen() -> None:
    assert course(Look(MB, 1, 8), Look(90 * MB, 99, 99)) == []

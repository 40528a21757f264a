"""Verdicts on a slice are the same, written one by one or as who was not accepted."""

from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.outcome import Outcome, Verdict
from push_workers.senders.verdicts import Made, Verdicts

GONE = Verdict(Outcome.GONE, "Unregistered")
LOST = Verdict(Outcome.UNKNOWN, "ConnectionLost")

found = st.lists(
    st.builds(
        lambda outcome, name: Verdict(outcome, None, name),
        st.sampled_from([Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.GONE, Outcome.UNKNOWN]),
        st.sampled_from([None, "one", "two"]),
    ),
    max_size=20,
)


@given(found)
def test_each_device_has_the_verdict_that_was_found(one_by_one: list[Verdict]) -> None:
    verdicts = Verdicts.of(one_by_one)

    accepted = [one for one in one_by_one if one.outcome is Outcome.ACCEPTED]
    assert list(verdicts) == one_by_one
    assert verdicts[1:-1] == one_by_one[1:-1]
    assert verdicts.accepted == len(accepted)
    assert list(verdicts.names_of_accepted()) == [one.provider_id for one in accepted]
    assert list(verdicts.of_accepted(one_by_one)) == accepted


@given(found, st.data())
def test_a_part_is_put_at_its_positions(one_by_one: list[Verdict], data: st.DataObject) -> None:
    chosen = [n for n in range(len(one_by_one)) if data.draw(st.booleans())]
    part = data.draw(st.lists(st.sampled_from([GONE, LOST, Verdict(Outcome.ACCEPTED, None, "x")])))
    part = (part * (len(chosen) + 1) or [GONE] * len(chosen))[: len(chosen)]
    expected = list(one_by_one)
    for n, verdict in zip(chosen, part, strict=True):
        expected[n] = verdict

    assert list(Verdicts.of(one_by_one).put(chosen, Verdicts.of(part))) == expected


def test_nothing_is_made_of_who_was_accepted_before_somebody_asks() -> None:
    asked: list[str] = []

    def make() -> list[str]:
        asked.append("once")
        return ["id-0", "id-1", "id-2"]

    verdicts = Verdicts(3, {1: GONE}, Made(3, make))

    assert (len(verdicts), verdicts.accepted, asked) == (3, 2, [])
    assert verdicts.of_accepted("abc") == ["a", "c"]
    assert asked == []
    assert list(verdicts.names_of_accepted()) == ["id-0", "id-2"]
    assert verdicts[2] == Verdict(Outcome.ACCEPTED, None, "id-2")
    assert [*Made(3, make), *verdicts.names[:1]] == ["id-0", "id-1", "id-2", "id-0"]
    assert asked == ["once", "once"]


def test_all_may_be_judged_alike_and_once_more() -> None:
    verdicts = Verdicts.alike(3, LOST)

    assert list(verdicts) == [LOST] * 3
    assert list(verdicts.judged_anew(lambda _: GONE)) == [GONE] * 3
    assert list(Verdicts(2).judged_anew(lambda _: GONE)) == [Verdict(Outcome.ACCEPTED)] * 2

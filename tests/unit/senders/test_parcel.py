from push_pipeline.platform import Platform
from push_workers.senders.base import Rendered, Target, Targets
from push_workers.senders.provider_sender import Parcel

WHOLE = Parcel(
    Rendered(b"{}", Platform.IOS),
    Targets.of([Target(n, f"token-{n}", "apns") for n in range(3)]),
    ["id-0", "id-1", "id-2"],
    [b"Ann", b"Ben", b"Cem"],
)


def test_who_is_sent_to_again_keeps_the_own_id_and_words() -> None:
    again = WHOLE.only([2, 0])
    assert [target.token for target in again.targets] == ["token-2", "token-0"]
    assert (again.ids, again.bodies) == (["id-2", "id-0"], [b"Cem", b"Ann"])


def test_one_body_of_all_stays_one() -> None:
    assert WHOLE._replace(bodies=None).only([1]).bodies is None


def test_a_parcel_for_all_is_not_copied() -> None:
    assert WHOLE.only(range(3)) is WHOLE
